/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/secret/secret.c: the state of the pages in the kernel, not only what we
 * requested. */

#include "support.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_sizes(void **state)
{
    static const size_t sizes[] = {0, 1, 31, 32, 4095, 4096, 4097, 1048576};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        _cleanup_(secret_freep) Secret *secret = NULL;

        assert_int_equal(secret_new(sizes[i], NULL, &secret), 0);
        assert_int_equal(secret_size(secret), sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(secret_borrow(secret)[j], 0);
    }
    assert_null(secret_free(NULL));
}

/* AddressSanitizer makes mlock() do nothing, so locking shows in the other builds only, which run
 * these tests as well. */
#if defined(__SANITIZE_ADDRESS__)
#define LOCKING_SHOWS 0
#elif defined(__has_feature)
#define LOCKING_SHOWS (!__has_feature(address_sanitizer))
#else
#define LOCKING_SHOWS 1
#endif

/* Returns the VmFlags line of the mapping that contains ADDRESS, and the mapping's size in
 * bytes. */
static size_t read_flags(const void *address, char *flags, size_t size)
{
    _cleanup_(fclosep) FILE *file = fopen("/proc/self/smaps", "re");
    char line[512];
    size_t bytes = 0;
    bool inside = false;

    assert_non_null(file);
    flags[0] = '\0';
    while (fgets(line, sizeof(line), file)) {
        unsigned long begin, end;

        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
            inside = (uintptr_t)address >= begin && (uintptr_t)address < end;
            bytes = inside ? end - begin : bytes;
        } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            snprintf(flags, size, "%s", line);
        }
    }
    return bytes;
}

static void test_pages_are_locked_and_not_dumped(void **state)
{
    _cleanup_(secret_freep) Secret *secret = NULL;
    char flags[512];

    (void)state;
    if (!LOCKING_SHOWS)
        test_skip("the sanitizer hides what is locked");
    secret = test_secret("hunter2");
    read_flags(secret_borrow(secret), flags, sizeof(flags));
    assert_non_null(strstr(flags, " lo")); /* locked */
    assert_non_null(strstr(flags, " dd")); /* do not dump */
    assert_non_null(strstr(flags, " wf")); /* wipe on fork */
}

static void test_a_child_finds_zeros(void **state)
{
    _cleanup_(secret_freep) Secret *secret = test_secret("hunter2");
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(memcmp(secret_borrow(secret), "\0\0\0\0\0\0\0", 7) == 0 ? 0 : 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_memory_equal(secret_borrow(secret), "hunter2", 7);
}

/* In a child, because the limit cannot be raised again without privileges. */
static void test_no_lock_is_an_error(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    if (!LOCKING_SHOWS)
        test_skip("the sanitizer hides what is locked");
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        Secret *secret = NULL;
        Reason reason = {0};

        if (setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){0, 0}) < 0)
            _exit(2);
        /* root may lock any amount: become another user */
        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(3);
        if (secret_new(32, &reason, &secret) != -ENOMEM || secret)
            _exit(4);
        _exit(strstr(reason.text, "LimitMEMLOCK") ? 0 : 5);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_truncation_wipes(void **state)
{
    _cleanup_(secret_freep) Secret *secret = test_secret("hunter2");

    (void)state;
    secret_truncate(secret, 3);
    assert_int_equal(secret_size(secret), 3);
    assert_memory_equal(secret_borrow(secret), "hun\0\0\0\0", 7);
}

static void test_the_front_is_dropped(void **state)
{
    _cleanup_(secret_freep) Secret *secret = test_secret("hunter2");
    const uint8_t *before = secret_borrow(secret);

    (void)state;
    secret_drop_front(secret, 3);
    assert_int_equal(secret_size(secret), 4);
    assert_memory_equal(secret_borrow(secret), "ter2", 4);
    assert_memory_equal(before, "\0\0\0", 3);
}

/* Memory is kept for the next secret, but not its contents. A child does not keep it, because it is
 * not locked there. */
static void test_reuse(void **state)
{
    Secret *first = test_secret("hunter2"), *second;
    const uint8_t *place = secret_borrow(first);
    int status;
    pid_t pid;

    (void)state;
    secret_free(first);
    assert_int_equal(secret_new(7, NULL, &second), 0);
    assert_ptr_equal(secret_borrow(second), place);
    assert_memory_equal(place, "\0\0\0\0\0\0\0", 7);
    secret_free(second);

    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (secret_new(7, NULL, &second) != 0)
            _exit(1);
        _exit(secret_borrow(second) == place ? 2 : 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void test_equality(void **state)
{
    _cleanup_(secret_freep) Secret *a = test_secret("one"), *b = test_secret("one"),
                                   *c = test_secret("two"), *d = test_secret("one ");

    (void)state;
    assert_true(secret_equal(a, b));
    assert_false(secret_equal(a, c));
    assert_false(secret_equal(a, d));
}

static void test_reading(void **state)
{
    TestFolder folder = test_folder();
    static uint8_t content[5000];

    (void)state;
    memset(content, 'x', sizeof(content));
    test_write_file(test_path(&folder, "file"), (BytesView){content, sizeof(content)}, 0600);
    for (size_t limit = sizeof(content) - 1; limit <= sizeof(content) + 1; limit++) {
        _cleanup_(closep) int fd = open(test_path(&folder, "file"), O_RDONLY | O_CLOEXEC);
        _cleanup_(secret_freep) Secret *secret = NULL;
        int r = secret_read_fd(fd, limit, NULL, &secret);

        assert_int_equal(r, limit < sizeof(content) ? OUTCOME_TOO_LARGE : 0);
        if (r == 0)
            assert_int_equal(secret_size(secret), sizeof(content));
        else
            assert_null(secret);
    }
    assert_int_equal(secret_read_fd(-1, 10, NULL, &(Secret *){NULL}), -EBADF);
    test_folder_remove(&folder);
}

/* A reader takes as much locked memory as there are bytes, whatever the limit, and whether or not
 * the kernel knows their number. */
static void test_reading_takes_what_it_needs(void **state)
{
    static const size_t sizes[] = {0, 1, 4000, 4080, 5000, 50000};
    TestFolder folder = test_folder();
    static uint8_t content[50000];
    char flags[512];

    (void)state;
    memset(content, 'x', sizeof(content));
    for (size_t i = 0; i < 2 * COUNT(sizes); i++) {
        _cleanup_(secret_freep) Secret *secret = NULL;
        size_t size = sizes[i / 2];
        int fds[2];

        if (i % 2) {
            test_write_file(test_path(&folder, "file"), (BytesView){content, size}, 0600);
            fds[0] = open(test_path(&folder, "file"), O_RDONLY | O_CLOEXEC);
        } else {
            assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
            assert_int_equal(write(fds[1], content, size), size);
            close(fds[1]);
        }
        assert_int_equal(secret_read_fd(fds[0], LIMIT_PLAINTEXT_BYTES, NULL, &secret), 0);
        close(fds[0]);
        assert_int_equal(secret_size(secret), size);
        assert_memory_equal(secret_borrow(secret), content, size);
        assert_true(read_flags(secret_borrow(secret) - 1, flags, sizeof(flags)) <=
                    size + 2 * (size_t)sysconf(_SC_PAGESIZE));
    }
    test_folder_remove(&folder);
}

static void test_hardened_process(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit;

        if (secret_harden_process(NULL) != 0 || prctl(PR_GET_DUMPABLE) != 0)
            _exit(1);
        getrlimit(RLIMIT_CORE, &limit);
        _exit(limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_pages_are_locked_and_not_dumped),
        cmocka_unit_test(test_a_child_finds_zeros),
        cmocka_unit_test(test_no_lock_is_an_error),
        cmocka_unit_test(test_truncation_wipes),
        cmocka_unit_test(test_the_front_is_dropped),
        cmocka_unit_test(test_reuse),
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_reading_takes_what_it_needs),
        cmocka_unit_test(test_hardened_process),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
