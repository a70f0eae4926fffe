/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/store/store.c. */

#include "store_fixture.h"
#include "store_put.h"

#include "base/array.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_write_and_read(void **state)
{
    const Fixture *fixture = *state;
    struct stat status;

    for (int i = 0; i < 2; i++) {
        const char *content = i == 0 ? "first" : "second";
        _cleanup_(bytes_done) Bytes file = {0};

        assert_int_equal(store_put(fixture->store, &fixture->name, test_view(content)), 0);
        assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), 0);
        assert_true(bytes_view_equal(bytes_view(&file), test_view(content)));
    }
    assert_int_equal(stat(test_path(&fixture->folder, "web"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0770);
    assert_int_equal(stat(test_path(&fixture->folder, "web/x.cred"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
}

/* How often the store is changed while a machine is being listed, and which machine's part. */
static unsigned disturbances;
static const Fixture *disturbed;

/* Commits two files, so that it goes through a directory of the commit's. */
static void disturb(void)
{
    const Fixture *fixture = disturbed;
    unsigned left = disturbances;
    StoreChange changes[] = {{.name = fixture->name, .sealed = test_view("a")},
                             {.name = fixture->name, .sealed = test_view("b")}};

    disturbances = 0; /* it lists directories, too */
    strcpy(changes[1].name.id, "y");
    assert_int_equal(
        store_commit(
            fixture->store,
            &(StoreCommit){.changes = changes, .count = COUNT(changes), .origin = {.verb = "test"}},
            NULL),
        0);
    disturbances = left;
}

/* How many machines the store seems to have, each with a directory; 0: those that it really has. */
static size_t machines;

struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);

struct dirent *__wrap_readdir(DIR *directory)
{
    static struct dirent entry;

    if (disturbances > 0 && telldir(directory) == 0) {
        disturbances--;
        disturb();
    }
    if (machines == 0)
        return __real_readdir(directory);
    if (--machines == 0)
        return NULL;
    snprintf(entry.d_name, sizeof(entry.d_name), "m%zu", machines);
    return &entry;
}

/* More than the limit. */
static void test_too_many(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(freep) StoreEntry *entries = NULL;
    _cleanup_(strings_freep) char **names = NULL;
    char name[64];
    size_t count;

    assert_int_equal(mkdir(test_path(&fixture->folder, "web"), 0770), 0);
    for (size_t i = 0; i < LIMIT_MACHINE_ENTRIES + 10; i++) {
        snprintf(name, sizeof(name), "web/c%zu.cred", i);
        test_write_file(test_path(&fixture->folder, name), test_view("x"), 0640);
    }
    assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count), 0);
    assert_int_equal(count, LIMIT_MACHINE_ENTRIES);
    machines = LIMIT_MACHINES + 10;
    assert_int_equal(store_machines(fixture->store, NULL, &names), 0);
    for (count = 0; names[count]; count++)
        ;
    assert_int_equal(count, LIMIT_MACHINES);
    machines = 0;
}

/* What is no directory is no machine, and keeps nobody from listing the others. */
static void test_strays(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(strings_freep) char **names = NULL;

    assert_int_equal(mkdir(test_path(&fixture->folder, "web"), 0770), 0);
    test_write_file(test_path(&fixture->folder, "junk"), test_view("x"), 0640);
    assert_int_equal(symlink("web", test_path(&fixture->folder, "link")), 0);
    assert_int_equal(store_machines(fixture->store, NULL, &names), 0);
    assert_string_equal(names[0], "web");
    assert_null(names[1]);
}

/* Listing a machine that changes meanwhile starts again, but not for ever. */
static void test_disturbed(void **state)
{
    const Fixture *fixture = *state;

    disturbed = fixture;
    disturb();
    for (unsigned more = 0; more < 2; more++) {
        _cleanup_(freep) StoreEntry *entries = NULL;
        size_t count = 0;

        disturbances = LIMIT_STORE_LOOKS - 1 + more;
        assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count),
                         more ? OUTCOME_CHANGED : 0);
        assert_int_equal(disturbances, 0);
        assert_int_equal(count, more ? 0 : 2);
    }
}

static int commit(const Fixture *fixture, StoreChange change)
{
    change.name = fixture->name;
    return store_commit(fixture->store,
                        &(StoreCommit){.changes = &change, .count = 1, .origin = {.verb = "test"}},
                        NULL);
}

/* The first one stays. */
static void test_add(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(bytes_done) Bytes file = {0};
    StoreChange change = {.sealed = test_view("first"), .precondition = STORE_ABSENT};

    assert_int_equal(commit(fixture, change), 0);
    change.sealed = test_view("second");
    assert_int_equal(commit(fixture, change), OUTCOME_EXISTS);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), 0);
    assert_true(bytes_view_equal(bytes_view(&file), test_view("first")));
    assert_int_equal(rmdir(test_path(&fixture->folder, "web")), -1);
    assert_int_equal(unlink(test_path(&fixture->folder, "web/x.cred")), 0);
    /* and nothing of the second is left */
    assert_int_equal(rmdir(test_path(&fixture->folder, "web")), 0);
}

static void test_public_half(void **state)
{
    const Fixture *fixture = *state;
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    struct stat status;

    assert_int_equal(commit(fixture, (StoreChange){.public = test_view("x")}), OUTCOME_NOT_FOUND);
    assert_int_equal(store_put(fixture->store, &fixture->name, test_view("sealed")), 0);
    for (int i = 0; i < 2; i++) {
        const char *content = i == 0 ? "first" : "second";
        _cleanup_(bytes_done) Bytes file = {0};

        assert_int_equal(commit(fixture, (StoreChange){.public = test_view(content)}), 0);
        assert_int_equal(store_read_public(fixture->store, &fixture->name, NULL, &file), 0);
        assert_true(bytes_view_equal(bytes_view(&file), test_view(content)));
    }
    assert_int_equal(stat(test_path(&fixture->folder, "web/x.pub"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
    /* it is no credential */
    assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count), 0);
    assert_int_equal(count, 1);
    /* and goes alone */
    for (int i = 0; i < 2; i++)
        assert_int_equal(commit(fixture, (StoreChange){0}), 0);
    assert_int_equal(access(test_path(&fixture->folder, "web/x.pub"), F_OK), -1);
    assert_int_equal(access(test_path(&fixture->folder, "web/x.cred"), F_OK), 0);
}

static void test_what_is_not_there(void **state)
{
    const Fixture *fixture = *state;
    Reason reason = {0};
    Store *store;
    Bytes file;

    assert_int_equal(store_read(fixture->store, &fixture->name, &reason, &file), OUTCOME_NOT_FOUND);
    assert_non_null(strstr(reason.text, "web"));
    assert_int_equal(mkdir(test_path(&fixture->folder, "web"), 0700), 0);
    assert_int_equal(store_read(fixture->store, &fixture->name, &reason, &file), OUTCOME_NOT_FOUND);
    assert_non_null(strstr(reason.text, "web/x.cred"));
    assert_int_equal(store_new(test_path(&fixture->folder, "gone"), &reason, &store), -ENOENT);
}

/* Each is planted instead of web/x.cred. */
static void test_what_is_no_entry(void **state)
{
    const Fixture *fixture = *state;
    const char *entry = test_path(&fixture->folder, "web/x.cred");
    const char *other = test_path(&fixture->folder, "other");
    Bytes file;

    assert_int_equal(mkdir(test_path(&fixture->folder, "web"), 0700), 0);
    test_write_file(other, test_view("other"), 0640);

    assert_int_equal(symlink("../other", entry), 0);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_STORE_UNSAFE);
    unlink(entry);
    assert_int_equal(link(other, entry), 0);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_STORE_UNSAFE);
    unlink(entry);
    assert_int_equal(mkfifo(entry, 0640), 0);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_STORE_UNSAFE);
    unlink(entry);
    assert_int_equal(mkdir(entry, 0750), 0);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_STORE_UNSAFE);
    rmdir(entry);
    test_write_file(entry, test_view("x"), 0666);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_STORE_UNSAFE);
}

static void test_a_machine_that_is_a_link(void **state)
{
    const Fixture *fixture = *state;
    Bytes file;

    assert_int_equal(mkdir(test_path(&fixture->folder, "db"), 0700), 0);
    test_write_file(test_path(&fixture->folder, "db/x.cred"), test_view("db's"), 0640);
    assert_int_equal(symlink("db", test_path(&fixture->folder, "web")), 0);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_STORE_UNSAFE);
    assert_int_equal(store_put(fixture->store, &fixture->name, test_view("new")),
                     OUTCOME_STORE_UNSAFE);
}

/* The directory gets the mode that the broker needs to write to it. */
static void test_a_folder_made_by_hand(void **state)
{
    const Fixture *fixture = *state;
    struct stat status;

    assert_int_equal(mkdir(test_path(&fixture->folder, "web"), 0700), 0);
    assert_int_equal(store_put(fixture->store, &fixture->name, test_view("new")), 0);
    assert_int_equal(stat(test_path(&fixture->folder, "web"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0770);
}

/* A reader that has opened a file reads it even if it is replaced meanwhile. */
static void test_read_while_written(void **state)
{
    const Fixture *fixture = *state;
    int status;
    pid_t pid;

    assert_int_equal(store_put(fixture->store, &fixture->name, test_view("0")), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            if (store_put(fixture->store, &fixture->name, test_view("1")) != 0)
                _exit(1);
        _exit(0);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        _cleanup_(bytes_done) Bytes file = {0};

        assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), 0);
        assert_int_equal(file.size, 1);
    }
    assert_int_equal(status, 0);
}

static void test_size_limit(void **state)
{
    static uint8_t large[LIMIT_FILE_BYTES + 1];
    const Fixture *fixture = *state;
    Bytes file;

    assert_int_equal(mkdir(test_path(&fixture->folder, "web"), 0700), 0);
    test_write_file(test_path(&fixture->folder, "web/x.cred"), (BytesView){large, sizeof(large)},
                    0640);
    assert_int_equal(store_read(fixture->store, &fixture->name, NULL, &file), OUTCOME_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_write_and_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_add, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_disturbed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_public_half, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_entry, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_machine_that_is_a_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_folder_made_by_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_read_while_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_size_limit, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
