/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/store/replace.c and machine.c: all of a machine's credentials or none, killed at
 * every system call, failed by every one that can fail, and in competition with other writers, with
 * the lock and without it.
 */

#include "steps.h"
#include "support.h"

#include "base/fsutil.h"
#include "store/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* The credentials of web, all with the same content; "note", "link" and "folder/kept" are there
 * besides. */
static const char *const ids[] = {"a", "b", "c"};

typedef struct Fixture {
    TestFolder folder; /* the store */
    Store *store;
} Fixture;

static const char *web(const Fixture *fixture, const char *file)
{
    char path[64];

    snprintf(path, sizeof(path), "web/%s", file);
    return test_path(&fixture->folder, path);
}

static int set_up(void **state)
{
    static Fixture fixture;

    fixture.folder = test_folder();
    assert_int_equal(store_new(fixture.folder.path, NULL, &fixture.store), 0);
    for (size_t i = 0; i < COUNT(ids); i++) {
        CredentialName name;

        assert_int_equal(credential_name_new("web", ids[i], NULL, &name), 0);
        assert_int_equal(store_write(fixture.store, &name, test_view("old"), NULL), 0);
    }
    test_write_file(web(&fixture, "note"), test_view("of the admin"), 0600);
    assert_int_equal(symlink("nowhere", web(&fixture, "link")), 0);
    assert_int_equal(mkdir(web(&fixture, "folder"), 0700), 0);
    test_write_file(web(&fixture, "folder/kept"), test_view("as well"), 0600);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    fixture->store = store_free(fixture->store);
    test_folder_remove(&fixture->folder);
    return 0;
}

static int replace(const Fixture *fixture, const char *before, const char *after, Reason *reason)
{
    StoreChange changes[COUNT(ids)];

    for (size_t i = 0; i < COUNT(ids); i++) {
        assert_int_equal(credential_name_new("web", ids[i], NULL, &changes[i].name), 0);
        changes[i].before = test_view(before);
        changes[i].after = test_view(after);
    }
    return store_replace(fixture->store, "web", changes, COUNT(ids), reason);
}

static bool exists(const char *path)
{
    struct stat status;

    return lstat(path, &status) == 0;
}

static bool file_is(const char *path, const char *content)
{
    _cleanup_(bytes_done) Bytes file = {0};

    return file_read_at(AT_FDCWD, path, 100, NULL, &file) == 0 &&
           bytes_view_equal(bytes_view(&file), test_view(content));
}

static bool all_are(const Fixture *fixture, const char *content)
{
    unsigned count = 0;

    for (size_t i = 0; i < COUNT(ids); i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        CredentialName name;

        assert_int_equal(credential_name_new("web", ids[i], NULL, &name), 0);
        assert_int_equal(store_read(fixture->store, &name, NULL, &file), 0);
        count += bytes_view_equal(bytes_view(&file), test_view(content));
    }
    if (count != 0 && count != COUNT(ids))
        fail_msg("%u of %zu files are %s", count, COUNT(ids), content);
    return count > 0;
}

static unsigned count_entries(const char *path)
{
    _cleanup_(closedirp) DIR *directory = opendir(path);
    unsigned count = 0;

    assert_non_null(directory);
    while (readdir(directory))
        count++;
    return count - 2;
}

static void expect_others(const Fixture *fixture)
{
    assert_true(file_is(web(fixture, "note"), "of the admin"));
    assert_true(exists(web(fixture, "link")));
}

/* Nothing is missing, and nothing is there that does not belong there. */
static void expect_tidy(const Fixture *fixture)
{
    struct stat status;

    expect_others(fixture);
    assert_true(file_is(web(fixture, "folder/kept"), "as well"));
    assert_int_equal(count_entries(web(fixture, "")), COUNT(ids) + 3);
    assert_int_equal(count_entries(fixture->folder.path), 1);
    assert_int_equal(stat(web(fixture, "note"), &status), 0);
    assert_int_equal(status.st_nlink, 1);
}

/* --- alone --- */

static void test_all_are_replaced(void **state)
{
    const Fixture *fixture = *state;
    struct stat before, after;

    if (geteuid() == 0) {
        assert_int_equal(chown(web(fixture, "b.cred"), 65534, 65533), 0);
        assert_int_equal(chown(web(fixture, ""), 65534, 65533), 0);
    }
    assert_int_equal(chmod(web(fixture, "b.cred"), 0604), 0);
    assert_int_equal(chmod(web(fixture, ""), 0751), 0);
    assert_int_equal(stat(web(fixture, "b.cred"), &before), 0);
    assert_int_equal(replace(fixture, "old", "new", NULL), 0);
    assert_true(all_are(fixture, "new"));
    expect_tidy(fixture);
    assert_int_equal(stat(web(fixture, "b.cred"), &after), 0);
    assert_true(after.st_mode == before.st_mode && after.st_uid == before.st_uid &&
                after.st_gid == before.st_gid);
    assert_int_equal(stat(web(fixture, ""), &after), 0);
    assert_int_equal(after.st_mode & 07777, 0751);
    assert_int_equal(after.st_uid, geteuid() == 0 ? 65534 : geteuid());
}

static void test_what_is_not_as_before(void **state)
{
    const Fixture *fixture = *state;
    StoreChange none;
    Reason reason = {0};

    assert_int_equal(replace(fixture, "older", "new", &reason), OUTCOME_CHANGED);
    assert_non_null(strstr(reason.text, "web/a"));
    assert_int_equal(store_replace(fixture->store, "gone", &none, 0, NULL), OUTCOME_NOT_FOUND);
    expect_tidy(fixture);

    test_write_file(web(fixture, "d.cred"), test_view("added"), 0600);
    assert_int_equal(replace(fixture, "old", "new", &reason), OUTCOME_CHANGED);
    assert_non_null(strstr(reason.text, "web/d"));
    assert_int_equal(unlink(web(fixture, "d.cred")), 0);
    assert_int_equal(rename(web(fixture, "c.cred"), web(fixture, "c")), 0);
    assert_int_equal(replace(fixture, "old", "new", &reason), OUTCOME_CHANGED);
    assert_int_equal(rename(web(fixture, "c"), web(fixture, "c.cred")), 0);
    assert_true(all_are(fixture, "old"));
    expect_tidy(fixture);
}

/* Each is planted in the place of web/b.cred, or of web. */
static void test_links(void **state)
{
    const Fixture *fixture = *state;
    const char *entry = web(fixture, "b.cred"), *other = test_path(&fixture->folder, "other");

    assert_int_equal(rename(entry, other), 0);
    assert_int_equal(symlink("../other", entry), 0);
    assert_int_equal(replace(fixture, "old", "new", NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(link(other, entry), 0);
    assert_int_equal(replace(fixture, "old", "new", NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(unlink(other), 0);
    assert_true(all_are(fixture, "old"));
    expect_tidy(fixture);

    other = test_path(&fixture->folder, "other");
    entry = test_path(&fixture->folder, "web");
    assert_int_equal(rename(entry, other), 0);
    assert_int_equal(symlink("other", entry), 0);
    assert_int_equal(replace(fixture, "old", "new", NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(rename(other, entry), 0);
    assert_true(all_are(fixture, "old"));
    expect_tidy(fixture);
}

/* --- failures: the linker gives these calls to us (CMakeLists.txt) --- */

static unsigned fail_at; /* the call to fail, from 1; 0 for none */
static unsigned calls;

static bool fails(void)
{
    if (++calls != fail_at)
        return false;
    errno = EIO;
    return true;
}

#define WRAP(name, parameters, ...)                                                                \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return fails() ? -1 : __real_##name(__VA_ARGS__);                                          \
    }

WRAP(mkdirat, (int fd, const char *name, mode_t mode), fd, name, mode)
WRAP(fchmod, (int fd, mode_t mode), fd, mode)
WRAP(fchown, (int fd, uid_t owner, gid_t group), fd, owner, group)
WRAP(linkat, (int from, const char *name, int to, const char *other, int flags), from, name, to,
     other, flags)
WRAP(renameat, (int from, const char *name, int to, const char *other), from, name, to, other)
WRAP(renameat2, (int from, const char *name, int to, const char *other, unsigned flags), from, name,
     to, other, flags)

/* It does not wait for the disk: a process that is killed loses nothing, and the tests are fast. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return fails() ? -1 : 0;
}

/* Only what moves the other entries may fail and all is well; they are put right by the next. */
static void test_every_call_fails_once(void **state)
{
    const Fixture *fixture = *state;
    unsigned failed = 0;

    for (fail_at = 1;; fail_at++) {
        int r;

        calls = 0;
        r = replace(fixture, "old", "new", NULL);
        assert_true(r == 0 || r == -EIO);
        failed += r != 0;
        assert_true(all_are(fixture, r == 0 ? "new" : "old"));
        expect_others(fixture);
        if (calls < fail_at)
            break;
        if (r != 0)
            expect_tidy(fixture);
        fail_at += 1000; /* none of those that follow */
        assert_int_equal(replace(fixture, r == 0 ? "new" : "old", "old", NULL), 0);
        fail_at -= 1000;
        assert_true(all_are(fixture, "old"));
        expect_tidy(fixture);
    }
    /* of each file: owner, mode, two times fsync, rename; and of the directory */
    assert_true(failed > COUNT(ids) * 5);
    expect_tidy(fixture);
    fail_at = 0;
}

/* --- killed, and interrupted by others, at each system call --- */

/* 0 if it did, 1 if it found something changed. */
static int replace_old_by_new(const void *fixture)
{
    int r = replace(fixture, "old", "new", NULL);

    return r == 0 ? 0 : r == OUTCOME_CHANGED ? 1 : 2;
}

static bool is_locked(const Fixture *fixture)
{
    _cleanup_(closep) int fd = open(web(fixture, ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

/* Other writers wait as long as there is anything to be cleared up. */
static void test_killed_at_each_step(void **state)
{
    const Fixture *fixture = *state;
    unsigned step, old = 0, new = 0;
    int status;

    for (step = 1;; step++) {
        pid_t pid = steps_start(replace_old_by_new, fixture);
        bool is_new;

        if (!steps_go(pid, step, &status))
            break;
        if (count_entries(fixture->folder.path) > 1)
            assert_true(is_locked(fixture));
        steps_kill(pid);
        is_new = all_are(fixture, "new");
        *(is_new ? &new : &old) += 1;
        assert_true(is_new || all_are(fixture, "old"));
        expect_others(fixture);
        /* the next one finds nothing in his way, and leaves nothing behind */
        assert_int_equal(replace(fixture, is_new ? "new" : "old", "old", NULL), 0);
        assert_true(all_are(fixture, "old"));
        expect_tidy(fixture);
    }
    assert_int_equal(status, 0);
    assert_true(all_are(fixture, "new"));
    expect_tidy(fixture);
    assert_true(old > 50 && new > 10);
    print_message("killed at %u steps: %u times the old files, %u times the new\n", step - 1, old,
                  new);
}

static int read_b(const void *argument)
{
    const Fixture *fixture = argument;
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name;

    if (credential_name_new("web", "b", NULL, &name) != 0)
        return 2;
    return store_read(fixture->store, &name, NULL, &file) == 0 && file.size == 3 ? 0 : 1;
}

static int list_three(const void *argument)
{
    const Fixture *fixture = argument;
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    return store_list(fixture->store, "web", NULL, &entries, &count) == 0 && count == COUNT(ids)
               ? 0
               : 1;
}

/* Who reads has no lock, and finds everything. */
static void test_replaced_at_each_step_of_a_reader(void **state)
{
    static int (*const readers[])(const void *) = {read_b, list_three};
    const Fixture *fixture = *state;
    int status;

    for (size_t i = 0; i < COUNT(readers); i++) {
        for (unsigned step = 1;; step++) {
            pid_t pid = steps_start(readers[i], fixture);

            if (!steps_go(pid, step, &status))
                break;
            assert_int_equal(
                replace(fixture, step % 2 ? "old" : "new", step % 2 ? "new" : "old", NULL), 0);
            assert_int_equal(steps_finish(pid), 0);
        }
        assert_int_equal(status, 0);
        replace(fixture, "new", "old", NULL);
    }
}

/* As cp and mv do, without the lock: a new credential, and a newer one in the place of b. */
static void write_without_lock(const Fixture *fixture)
{
    test_write_file(web(fixture, "d.cred"), test_view("stray"), 0640);
    test_write_file(test_path(&fixture->folder, "newest"), test_view("newest"), 0640);
    assert_int_equal(rename(test_path(&fixture->folder, "newest"), web(fixture, "b.cred")), 0);
}

static void test_another_writer_at_each_step(void **state)
{
    const Fixture *fixture = *state;
    unsigned step, replaced = 0, refused = 0;
    CredentialName b;
    int status;

    assert_int_equal(credential_name_new("web", "b", NULL, &b), 0);
    for (step = 1;; step++) {
        pid_t pid = steps_start(replace_old_by_new, fixture);
        const char *content;

        if (!steps_go(pid, step, &status))
            break;
        write_without_lock(fixture);
        status = steps_finish(pid);
        assert_in_range(status, 0, 1);
        *(status == 0 ? &replaced : &refused) += 1;

        content = status == 0 ? "new" : "old";
        assert_true(file_is(web(fixture, "a.cred"), content));
        assert_true(file_is(web(fixture, "b.cred"), "newest"));
        assert_true(file_is(web(fixture, "c.cred"), content));
        assert_true(file_is(web(fixture, "d.cred"), "stray"));
        assert_int_equal(unlink(web(fixture, "d.cred")), 0);
        expect_tidy(fixture);
        /* as it was at first */
        assert_int_equal(store_write(fixture->store, &b, test_view(content), NULL), 0);
        assert_int_equal(replace(fixture, content, "old", NULL), 0);
    }
    assert_int_equal(status, 0);
    assert_true(replaced > 50 && refused > 10);
}

/* The old directory, and in it a credential that the one in its place does not have: deleted since,
 * or put there without the lock in the last moment. It is neither brought back nor lost. */
static void test_a_leftover_that_cannot_be_told(void **state)
{
    const Fixture *fixture = *state;
    char name[32], path[64];
    struct stat status;

    assert_int_equal(mkdir(test_path(&fixture->folder, "temporary"), 0700), 0);
    assert_int_equal(stat(test_path(&fixture->folder, "temporary"), &status), 0);
    snprintf(name, sizeof(name), ".web.%llx.tmp", (unsigned long long)status.st_ino);
    assert_int_equal(
        rename(test_path(&fixture->folder, "temporary"), test_path(&fixture->folder, name)), 0);
    for (const char *file = "abcd"; *file; file++) {
        snprintf(path, sizeof(path), "%s/%c.cred", name, *file);
        test_write_file(test_path(&fixture->folder, path), test_view("replaced"), 0640);
    }
    assert_int_equal(replace(fixture, "old", "new", NULL), 0);
    assert_true(all_are(fixture, "new"));
    assert_int_equal(count_entries(test_path(&fixture->folder, name)), 1);
    assert_true(file_is(test_path(&fixture->folder, path), "replaced"));
    assert_int_equal(unlink(test_path(&fixture->folder, path)), 0);
    assert_int_equal(replace(fixture, "new", "old", NULL), 0);
    expect_tidy(fixture);
}

/* Names that begin as a leftover of web's does. */
static void test_leftovers_of_others(void **state)
{
    static const char *const names[] = {".web.tmp",      ".web.x.12.tmp", ".web.a.12.tmp",
                                        ".web.12.tmp.x", ".web.012.tmp",  ".web.-1.tmp",
                                        ".we.12.tmp",    ".web2.12.tmp"};
    const Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(mkdir(test_path(&fixture->folder, names[i]), 0700), 0);
    assert_int_equal(replace(fixture, "old", "new", NULL), 0);
    assert_int_equal(count_entries(fixture->folder.path), COUNT(names) + 1);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(rmdir(test_path(&fixture->folder, names[i])), 0);
    expect_tidy(fixture);
}

/* --- several at once, with the lock --- */

#define WRITES 40
#define SEALS  15
#define READS  50U

/* "17" of "17!"; -1 if it is no content of this test. */
static int number_of(const Bytes *file)
{
    char text[16] = "", *end;
    long number;

    if (file->size == 0 || file->size >= sizeof(text))
        return -1;
    memcpy(text, file->data, file->size);
    number = strtol(text, &end, 10);
    return end > text && (*end == '\0' || strcmp(end, "!") == 0) ? (int)number : -1;
}

static void write_numbers(const Fixture *fixture, const char *id)
{
    CredentialName name;
    char text[16];

    if (credential_name_new("web", id, NULL, &name) != 0)
        _exit(1);
    for (int i = 1; i <= WRITES; i++) {
        snprintf(text, sizeof(text), "%d", i);
        if (store_write(fixture->store, &name, test_view(text), NULL) != 0)
            _exit(1);
    }
    _exit(0);
}

/* Whoever seals anew: reads all, then replaces all; and again if somebody else was faster. */
static int seal_all(const Fixture *fixture)
{
    StoreEntry *entries;
    StoreChange changes[8];
    Bytes before[8], after[8];
    size_t count;
    int r;

    if (store_list(fixture->store, "web", NULL, &entries, &count) != 0 || count > COUNT(changes))
        _exit(1);
    for (size_t i = 0; i < count; i++) {
        if (store_read(fixture->store, &entries[i].name, NULL, &before[i]) != 0)
            _exit(2);
        after[i].data = malloc(16);
        after[i].size = (size_t)snprintf((char *)after[i].data, 16, "%d!", number_of(&before[i]));
        changes[i] = (StoreChange){entries[i].name, bytes_view(&before[i]), bytes_view(&after[i])};
    }
    r = store_replace(fixture->store, "web", changes, count, NULL);
    for (size_t i = 0; i < count; i++) {
        bytes_done(&before[i]);
        bytes_done(&after[i]);
    }
    free(entries);
    return r;
}

static void seal_often(const Fixture *fixture)
{
    for (int done = 0; done < SEALS;) {
        int r = seal_all(fixture);

        if (r == 0)
            done++;
        else if (r != OUTCOME_CHANGED)
            _exit(3);
    }
    _exit(0);
}

/* Numbers only grow, and none is ever missing. */
static void read_all(const Fixture *fixture, int *numbers)
{
    for (size_t i = 0; i < COUNT(ids); i++) {
        _cleanup_(bytes_done) Bytes file = {0};
        CredentialName name;
        int number;

        assert_int_equal(credential_name_new("web", ids[i], NULL, &name), 0);
        assert_int_equal(store_read(fixture->store, &name, NULL, &file), 0);
        number = number_of(&file);
        assert_true(number >= numbers[i]);
        numbers[i] = number;
    }
}

static void test_several_at_once(void **state)
{
    const Fixture *fixture = *state;
    int numbers[COUNT(ids)] = {0}, status, left = 0;
    unsigned reads = 0;
    pid_t pid;

    assert_int_equal(replace(fixture, "old", "0", NULL), 0);
    for (size_t i = 0; i < COUNT(ids); i++, left++)
        if (fork() == 0)
            write_numbers(fixture, ids[i]);
    for (int i = 0; i < 2; i++, left++)
        if (fork() == 0)
            seal_often(fixture);
    while (left > 0) {
        read_all(fixture, numbers);
        reads++;
        pid = waitpid(-1, &status, WNOHANG);
        assert_true(pid >= 0);
        if (pid == 0)
            continue;
        assert_int_equal(status, 0);
        left--;
        /* the reader may have had little of the processor so far */
        if (left == 0 && reads < READS) {
            left++;
            if (fork() == 0)
                seal_often(fixture);
        }
    }
    read_all(fixture, numbers);
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_int_equal(numbers[i], WRITES);
    expect_tidy(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_are_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_as_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_links, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_call_fails_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_killed_at_each_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_replaced_at_each_step_of_a_reader, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_writer_at_each_step, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_leftover_that_cannot_be_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_leftovers_of_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_several_at_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
