/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/fsutil.c. */

#include "steps.h"
#include "support.h"

#include "base/fileset.h"
#include "base/fsutil.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

static unsigned count_entries(const char *path)
{
    _cleanup_(closedirp) DIR *directory = opendir(path);
    unsigned count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    return count - 2;
}

static void test_write_and_replace(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "file");
    _cleanup_(bytes_done) Bytes first = {0}, second = {0};
    struct stat status;

    (void)state;
    assert_int_equal(file_write(path, test_view("one"), 0640, true, NULL), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    first = test_read_file(path);
    assert_true(bytes_view_equal(bytes_view(&first), test_view("one")));

    assert_int_equal(file_write(path, test_view("two!"), 0640, true, NULL), 0);
    second = test_read_file(path);
    assert_true(bytes_view_equal(bytes_view(&second), test_view("two!")));
    assert_int_equal(count_entries(folder.path), 1);
    test_folder_remove(&folder);
}

/* As root, the owner is kept as well; here it is another user. */
static void test_like_the_old_one(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "file");
    _cleanup_(bytes_done) Bytes content = {0};
    struct stat before, after;

    (void)state;
    test_write_file(path, test_view("old"), 0600);
    if (geteuid() == 0)
        assert_int_equal(chown(path, 65534, 65533), 0);
    assert_int_equal(chmod(path, 0604), 0);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(rewrite_write(path, test_view("old"), test_view("new"), NULL), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_ino != before.st_ino);
    assert_int_equal(after.st_mode, before.st_mode);
    assert_int_equal(after.st_uid, before.st_uid);
    assert_int_equal(after.st_gid, before.st_gid);
    content = test_read_file(path);
    assert_true(bytes_view_equal(bytes_view(&content), test_view("new")));
    assert_int_equal(count_entries(folder.path), 1);
    test_folder_remove(&folder);
}

static void test_no_replace(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "file");
    _cleanup_(bytes_done) Bytes content = {0};

    (void)state;
    assert_int_equal(file_write(path, test_view("one"), 0640, false, NULL), 0);
    assert_int_equal(file_write(path, test_view("two"), 0640, false, NULL), -EEXIST);
    content = test_read_file(path);
    assert_true(bytes_view_equal(bytes_view(&content), test_view("one")));
    assert_int_equal(count_entries(folder.path), 1); /* and no temporary file is left */
    test_folder_remove(&folder);
}

static void test_a_link_is_replaced_not_followed(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "link"), *target = test_path(&folder, "target");
    _cleanup_(bytes_done) Bytes content = {0};
    struct stat status;

    (void)state;
    test_write_file(target, test_view("kept"), 0644);
    assert_int_equal(symlink("target", path), 0);
    assert_int_equal(file_write(path, test_view("new"), 0640, true, NULL), 0);
    assert_int_equal(lstat(path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    content = test_read_file(target);
    assert_true(bytes_view_equal(bytes_view(&content), test_view("kept")));
    test_folder_remove(&folder);
}

/* A file size limit stands in for a full disk. */
static void test_a_failed_write_leaves_the_old_file(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "file");
    _cleanup_(bytes_done) Bytes content = {0};
    struct rlimit before, limited;
    static uint8_t large[8192];
    Reason reason = {0};
    int r;

    (void)state;
    assert_int_equal(file_write(path, test_view("old"), 0640, true, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limited = (struct rlimit){4096, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limited), 0);
    r = file_write(path, (BytesView){large, sizeof(large)}, 0640, true, &reason);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);

    assert_int_equal(r, -EFBIG);
    assert_non_null(strstr(reason.text, "file"));
    content = test_read_file(path);
    assert_true(bytes_view_equal(bytes_view(&content), test_view("old")));
    assert_int_equal(count_entries(folder.path), 1);
    test_folder_remove(&folder);
}

static void test_bounded_reads(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "file");
    static uint8_t content[10000];

    (void)state;
    test_write_file(path, (BytesView){content, sizeof(content)}, 0644);
    for (size_t limit = sizeof(content) - 1; limit <= sizeof(content) + 1; limit++) {
        _cleanup_(bytes_done) Bytes bytes = {0};
        int r = file_read(path, limit, NULL, &bytes);

        assert_int_equal(r, limit < sizeof(content) ? OUTCOME_TOO_LARGE : 0);
        assert_int_equal(bytes.size, r == 0 ? sizeof(content) : 0);
    }
    test_folder_remove(&folder);
}

static void test_errors_name_the_file(void **state)
{
    TestFolder folder = test_folder();
    Reason reason = {0};
    Bytes bytes;

    (void)state;
    assert_int_equal(file_read(test_path(&folder, "gone"), 10, &reason, &bytes), -ENOENT);
    assert_non_null(strstr(reason.text, "gone"));
    assert_int_equal(file_write(test_path(&folder, "no/file"), test_view("x"), 0640, true, &reason),
                     -ENOENT);
    assert_non_null(strstr(reason.text, "no/"));
    assert_int_equal(file_write("/", test_view("x"), 0640, true, &reason), -EISDIR);
    test_folder_remove(&folder);
}

/* --- what killed writers leave --- */

static int write_new(const void *argument)
{
    return file_write(argument, test_view("new"), 0640, true, NULL) == 0 ? 0 : 1;
}

/* Removes the temporary files of killed writers. */
static void clear(const TestFolder *folder)
{
    _cleanup_(closep) int directory = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_(closedirp) DIR *list = NULL;
    const char *name;

    assert_true(directory >= 0);
    assert_int_equal(directory_list(directory, ".", NULL, &list), 0);
    while (directory_next(list, ".", NULL, &name) == 0 && name)
        if (strncmp(name, ".nspawn-creds-", strlen(".nspawn-creds-")) == 0)
            assert_int_equal(unlinkat(directory, name, 0), 0);
}

/* Killed at any system call, it leaves the old file or the new one, and nothing else after
 * clearing. */
static void test_killed_at_every_step(void **state)
{
    TestFolder folder = test_folder();
    char path[128];
    unsigned left = 0;
    int status;

    (void)state;
    snprintf(path, sizeof(path), "%s", test_path(&folder, "file"));
    for (unsigned step = 1;; step++) {
        _cleanup_(bytes_done) Bytes content = {0};
        pid_t pid;

        assert_int_equal(file_write(path, test_view("old"), 0640, true, NULL), 0);
        pid = steps_start(write_new, path);
        if (!steps_go(pid, step, &status))
            break;
        steps_kill(pid);
        left += count_entries(folder.path) > 1;
        clear(&folder);
        assert_int_equal(count_entries(folder.path), 1);
        content = test_read_file(path);
        assert_true(bytes_view_equal(bytes_view(&content), test_view("old")) ||
                    bytes_view_equal(bytes_view(&content), test_view("new")));
    }
    assert_int_equal(status, 0);
    assert_in_range(left, 5, 100);
    test_folder_remove(&folder);
}

/* --- a directory that cannot be read to its end --- */

static unsigned fail_at; /* the entry that cannot be read, from 1; 0 for none */

/* The linker gives this call to us (CMakeLists.txt). */
struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory)
{
    if (fail_at == 0 || --fail_at > 0)
        return __real_readdir(directory);
    errno = EIO;
    return NULL;
}

static void test_an_entry_that_cannot_be_read(void **state)
{
    TestFolder folder = test_folder();
    _cleanup_(closep) int fd = open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    Reason reason = {0};

    (void)state;
    test_write_file(test_path(&folder, "file"), test_view("x"), 0600);
    for (unsigned at = 1; at <= 5; at++) {
        _cleanup_(closedirp) DIR *directory = NULL;
        const char *name;
        int r;

        assert_int_equal(directory_list(fd, "here", NULL, &directory), 0);
        fail_at = at;
        errno = ENOTTY; /* of something before */
        while ((r = directory_next(directory, "here", &reason, &name)) == 0 && name)
            assert_string_equal(name, "file");
        assert_int_equal(r, at < 5 ? -EIO : 0);
        assert_non_null(strstr(reason.text, "here"));
    }
    fail_at = 0;
    test_folder_remove(&folder);
}

/* An entry that could not be listed may be a file that would be lost. */
static void test_a_set_beside_what_cannot_be_read(void **state)
{
    TestFolder folder = test_folder();
    FileSetEntry entry = {.name = "ours"};
    const char *path = test_path(&folder, "set");

    (void)state;
    assert_int_equal(mkdir(path, 0700), 0);
    test_write_file(test_path(&folder, "set/theirs"), test_view("x"), 0600);
    fail_at = 1;
    assert_int_equal(file_set_write(path, &entry, 1, 0644, NULL), -EIO);
    assert_int_equal(access(test_path(&folder, "set/theirs"), F_OK), 0);
    test_folder_remove(&folder);
}

/* Makes the file NAME, and sets its time to AGE seconds ago. */
static void leave(const TestFolder *folder, const char *name, time_t age)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - age}};

    test_write_file(test_path(folder, name), test_view("x"), 0600);
    assert_int_equal(utimensat(AT_FDCWD, test_path(folder, name), times, 0), 0);
}

static bool is_broken; /* the disk, for directories */

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat status;

    if (!is_broken || fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode))
        return __real_fsync(fd);
    errno = EIO;
    return -1;
}

/* The new file is there, so that nobody may hear that it could not be written. */
static void test_a_directory_that_is_not_synced(void **state)
{
    TestFolder folder = test_folder();
    const char *path = test_path(&folder, "file");

    (void)state;
    for (int again = 0; again < 2; again++) {
        BytesView text = test_view(again ? "two" : "one");
        _cleanup_(bytes_done) Bytes content = {0};
        Reason reason = {0};
        int r;

        is_broken = true;
        r = again ? rewrite_write(path, test_view("one"), text, &reason)
                  : file_write(path, text, 0640, false, &reason);
        is_broken = false;
        assert_int_equal(r, -EIO);
        assert_null(strstr(reason.text, "cannot write /"));
        assert_non_null(strstr(reason.text, "file has its new content, which may not survive"));
        assert_non_null(strstr(reason.text, strerror(EIO)));
        content = test_read_file(path);
        assert_true(bytes_view_equal(bytes_view(&content), text));
        assert_int_equal(count_entries(folder.path), 1);
    }
    test_folder_remove(&folder);
}

static void test_leftovers_are_cleared(void **state)
{
    static const struct {
        const char *name;
        time_t age;
        bool stays;
    } rows[] = {
        {".nspawn-creds-0123456789abcdef.tmp", LIMIT_LEFTOVER_SECONDS + 60, false},
        {".nspawn-creds-0123456789abcde0.tmp", LIMIT_LEFTOVER_SECONDS - 60, true},
        {".nspawn-creds-0123456789abcdef.txt", LIMIT_LEFTOVER_SECONDS + 60, true},
        {".nspawn-creds-0123.tmp", LIMIT_LEFTOVER_SECONDS + 60, true},
        {"file-of-another-0123456789abcd.tmp", LIMIT_LEFTOVER_SECONDS + 60, true},
    };
    TestFolder folder = test_folder();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        leave(&folder, rows[i].name, rows[i].age);
    assert_int_equal(file_write(test_path(&folder, "file"), test_view("y"), 0640, false, NULL), 0);
    for (size_t i = 0; i < COUNT(rows); i++)
        if ((access(test_path(&folder, rows[i].name), F_OK) == 0) != rows[i].stays)
            fail_msg("%s, %ld s old", rows[i].name, (long)rows[i].age);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_replace),
        cmocka_unit_test(test_like_the_old_one),
        cmocka_unit_test(test_no_replace),
        cmocka_unit_test(test_a_link_is_replaced_not_followed),
        cmocka_unit_test(test_a_failed_write_leaves_the_old_file),
        cmocka_unit_test(test_bounded_reads),
        cmocka_unit_test(test_errors_name_the_file),
        cmocka_unit_test(test_killed_at_every_step),
        cmocka_unit_test(test_leftovers_are_cleared),
        cmocka_unit_test(test_a_directory_that_is_not_synced),
        cmocka_unit_test(test_an_entry_that_cannot_be_read),
        cmocka_unit_test(test_a_set_beside_what_cannot_be_read),
    };

    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
