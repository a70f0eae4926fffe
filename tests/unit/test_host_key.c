/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/key/host_key.c. */

#include "support.h"

#include "key/host_key.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* systemd's binding for TEST_MACHINE_ID: the front of tests/vectors/host-credential.secret. */
static const uint8_t binding[] = {0xf6, 0x5a, 0x25, 0xa6, 0xc0, 0x2a, 0x44, 0x88,
                                  0x8e, 0x0e, 0x49, 0xb6, 0xad, 0xb6, 0xb1, 0xf9};

typedef struct Fixture {
    TestFolder folder;
    Context context;
    char path[128];
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;

    fixture.folder = test_folder();
    test_folder_make_root(&fixture.folder);
    fixture.context = test_context(fixture.folder.path);
    snprintf(fixture.path, sizeof(fixture.path), "%s%s", fixture.folder.path, HOST_KEY_PATH);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    const Fixture *fixture = *state;

    test_folder_remove(&fixture->folder);
    return 0;
}

/* A file of SIZE bytes with the machine's binding in front. */
static void write_key(const Fixture *fixture, size_t size, unsigned mode)
{
    static uint8_t content[HOST_KEY_FILE_BYTES + 1];

    memcpy(content, binding, sizeof(binding));
    unlink(fixture->path);
    test_write_file(fixture->path, (BytesView){content, size}, mode);
}

static void test_make_and_load(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *made = NULL, *loaded = NULL, *expected = NULL;
    _cleanup_(bytes_done) Bytes file = {0};
    struct stat status;
    bool was_made;

    assert_int_equal(host_key_load(&fixture->context, fixture->path, NULL, &made),
                     OUTCOME_HOST_KEY_MISSING);
    assert_int_equal(host_key_ensure(&fixture->context, fixture->path, NULL, &made, &was_made), 0);
    assert_true(was_made);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_size, HOST_KEY_FILE_BYTES);
    assert_int_equal(status.st_mode & 07777, 0400);
    assert_int_equal(status.st_nlink, 1);
    file = test_read_file(fixture->path);
    assert_memory_equal(file.data, binding, sizeof(binding));

    assert_int_equal(host_key_ensure(&fixture->context, fixture->path, NULL, &loaded, &was_made),
                     0);
    assert_false(was_made);
    assert_true(secret_equal(made, loaded));
    assert_int_equal(
        host_key_state((BytesView){file.data + sizeof(binding), HOST_KEY_BYTES}, NULL, &expected),
        0);
    assert_true(secret_equal(loaded, expected));
}

static void test_refusals(void **state)
{
    const Fixture *fixture = *state;
    const struct {
        size_t size;
        unsigned mode;
        int outcome;
        const char *rule;
    } rows[] = {
        {HOST_KEY_FILE_BYTES, 0400, 0, "as it must be"},
        {HOST_KEY_FILE_BYTES, 0440, OUTCOME_HOST_KEY_UNSAFE, "its group can read it"},
        {HOST_KEY_FILE_BYTES, 0404, OUTCOME_HOST_KEY_UNSAFE, "everybody can read it"},
        {HOST_KEY_FILE_BYTES, 0600, OUTCOME_HOST_KEY_UNSAFE, "it can be written to"},
        {HOST_KEY_FILE_BYTES - 1, 0400, OUTCOME_HOST_KEY_UNSAFE, "too short"},
        {HOST_KEY_FILE_BYTES + 1, 0400, OUTCOME_HOST_KEY_UNSAFE, "too long"},
        {0, 0400, OUTCOME_HOST_KEY_UNSAFE, "empty"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(secret_freep) Secret *key = NULL;
        struct stat status;

        write_key(fixture, rows[i].size, rows[i].mode);
        if (host_key_ensure(&fixture->context, fixture->path, NULL, &key, NULL) != rows[i].outcome)
            fail_msg("%s", rows[i].rule);
        assert_int_equal(stat(fixture->path, &status), 0); /* never deleted */
        assert_int_equal(status.st_size, rows[i].size);
    }
}

/* The cases that the commands and the broker must decide alike. */
static void test_check(void **state)
{
    static const struct {
        mode_t mode;
        nlink_t links;
        uid_t owner;
        off_t size;
        const char *refusal; /* NULL: it may be used */
    } rows[] = {
        {S_IFREG | 0400, 1, 0, HOST_KEY_FILE_BYTES, NULL},
        {S_IFREG | 0400, 1, 7, HOST_KEY_FILE_BYTES, NULL},
        {S_IFREG | 0400, 1, 8, HOST_KEY_FILE_BYTES, "belongs to user 8"},
        {S_IFREG | 0400, 2, 0, HOST_KEY_FILE_BYTES, "has 2 links"},
        {S_IFREG | 0400, 0, 0, HOST_KEY_FILE_BYTES, "has 0 links"},
        {S_IFREG | 0600, 1, 0, HOST_KEY_FILE_BYTES, "has mode 0600"},
        {S_IFREG | 0440, 1, 0, HOST_KEY_FILE_BYTES, "has mode 0440"},
        {S_IFREG | 0404, 1, 0, HOST_KEY_FILE_BYTES, "has mode 0404"},
        {S_IFREG | 0000, 1, 0, HOST_KEY_FILE_BYTES, "has mode 0000"},
        {S_IFREG | 04400, 1, 0, HOST_KEY_FILE_BYTES, "has mode 4400"},
        {S_IFREG | 0400, 1, 0, HOST_KEY_FILE_BYTES - 1, "size"},
        {S_IFREG | 0400, 1, 0, HOST_KEY_FILE_BYTES + 1, "size"},
        {S_IFREG | 0400, 1, 0, 0, "size"},
        {S_IFLNK | 0777, 1, 0, 10, "is a symbolic link"},
        {S_IFDIR | 0400, 1, 0, HOST_KEY_FILE_BYTES, "is not a regular file"},
        {S_IFIFO | 0400, 1, 0, HOST_KEY_FILE_BYTES, "is not a regular file"},
        {S_IFSOCK | 0400, 1, 0, HOST_KEY_FILE_BYTES, "is not a regular file"},
        {S_IFCHR | 0400, 1, 0, HOST_KEY_FILE_BYTES, "is not a regular file"},
        {S_IFBLK | 0400, 1, 0, HOST_KEY_FILE_BYTES, "is not a regular file"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct stat status = {
            .st_mode = rows[i].mode,
            .st_nlink = rows[i].links,
            .st_uid = rows[i].owner,
            .st_size = rows[i].size,
        };
        Reason reason = {0};
        int r = host_key_check(&status, 7, "the key", &reason);

        if (r != (rows[i].refusal ? OUTCOME_HOST_KEY_UNSAFE : 0) ||
            (rows[i].refusal && !strstr(reason.text, rows[i].refusal)))
            fail_msg("row %zu: %d, %s", i, r, reason.text);
    }
}

/* Makes an unsafe file in place of the key. */
static void make_linked(const Fixture *fixture)
{
    write_key(fixture, HOST_KEY_FILE_BYTES, 0400);
    assert_int_equal(link(fixture->path, test_path(&fixture->folder, "other")), 0);
}

static void make_link(const Fixture *fixture)
{
    write_key(fixture, HOST_KEY_FILE_BYTES, 0400);
    assert_int_equal(rename(fixture->path, test_path(&fixture->folder, "other")), 0);
    assert_int_equal(symlink(test_path(&fixture->folder, "other"), fixture->path), 0);
}

static void make_directory(const Fixture *fixture)
{
    assert_int_equal(mkdir(fixture->path, 0700), 0);
}

static void make_fifo(const Fixture *fixture)
{
    assert_int_equal(mkfifo(fixture->path, 0400), 0); /* does not hang */
}

static void make_socket(const Fixture *fixture)
{
    assert_int_equal(mknod(fixture->path, S_IFSOCK | 0400, 0), 0);
}

static void make_readable(const Fixture *fixture)
{
    write_key(fixture, HOST_KEY_FILE_BYTES, 0444);
}

/* The commands check the file that they read, the broker the file that the service manager read for
 * it. */
static void test_both_look(void **state)
{
    static void (*const makers[])(const Fixture *) = {
        make_linked, make_link, make_directory, make_fifo, make_socket, make_readable,
    };
    const Fixture *fixture = *state;
    HostKeyStamp stamp;
    Secret *key;

    assert_int_equal(host_key_check_source(&fixture->context, NULL, &stamp), 0);
    write_key(fixture, HOST_KEY_FILE_BYTES, 0400);
    assert_int_equal(host_key_check_source(&fixture->context, NULL, &stamp), 0);
    for (size_t i = 0; i < COUNT(makers); i++) {
        (void)remove(fixture->path);
        (void)remove(test_path(&fixture->folder, "other"));
        makers[i](fixture);
        if (host_key_load(&fixture->context, fixture->path, NULL, &key) !=
                OUTCOME_HOST_KEY_UNSAFE ||
            host_key_check_source(&fixture->context, NULL, &stamp) != OUTCOME_HOST_KEY_UNSAFE)
            fail_msg("row %zu", i);
    }
}

static void test_another_machine_is_refused_and_the_key_kept(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *key = NULL;
    struct stat status;

    write_key(fixture, HOST_KEY_FILE_BYTES, 0400);
    test_write_file(test_path(&fixture->folder, "etc/machine-id"),
                    test_view("ffffffffffffffffffffffffffffffff\n"), 0644);
    assert_int_equal(host_key_ensure(&fixture->context, fixture->path, NULL, &key, NULL),
                     OUTCOME_HOST_KEY_FOREIGN);
    assert_int_equal(stat(fixture->path, &status), 0);
}

static void test_broken_machine_ids(void **state)
{
    static const char *const ids[] = {"", "uninitialized\n", "0123456789abcdef0123456789abcdeX\n",
                                      "0123"};
    const Fixture *fixture = *state;
    Secret *key;

    write_key(fixture, HOST_KEY_FILE_BYTES, 0400);
    for (size_t i = 0; i < COUNT(ids); i++) {
        unlink(test_path(&fixture->folder, "etc/machine-id"));
        test_write_file(test_path(&fixture->folder, "etc/machine-id"), test_view(ids[i]), 0644);
        assert_true(host_key_load(&fixture->context, fixture->path, NULL, &key) < 0);
    }
}

static void test_passed_by_the_service_manager(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *key = NULL;

    write_key(fixture, HOST_KEY_FILE_BYTES, 0440); /* its ACL shows as the group's mode */
    assert_int_equal(host_key_load_passed(&fixture->context, fixture->path, NULL, &key), 0);
    assert_non_null(key);
    unlink(fixture->path);
    test_write_file(fixture->path, test_view("none"), 0400);
    assert_int_equal(host_key_load_passed(&fixture->context, fixture->path, NULL, &key),
                     OUTCOME_HOST_KEY_MISSING);
    unlink(fixture->path);
    test_write_file(fixture->path, test_view("nono"), 0400);
    assert_int_equal(host_key_load_passed(&fixture->context, fixture->path, NULL, &key),
                     OUTCOME_HOST_KEY_UNSAFE);
}

/* Processes that race for the first key all get the same one. */
static void test_two_at_once(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *key = NULL;
    int status;

    for (int i = 0; i < 8; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
            _exit(host_key_ensure(&fixture->context, fixture->path, NULL, &key, NULL) == 0 ? 0 : 1);
    }
    for (int i = 0; i < 8; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(host_key_load(&fixture->context, fixture->path, NULL, &key), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_make_and_load, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test(test_check),
        cmocka_unit_test_setup_teardown(test_both_look, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_machine_is_refused_and_the_key_kept, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_broken_machine_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_passed_by_the_service_manager, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_at_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
