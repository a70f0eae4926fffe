/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/store/recover.c and of reading during a commit: readers see each commit whole,
 * writers take turns, and entries that we cannot have left in the store are refused and not
 * followed.
 */

#include "commit_fixture.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/fsutil.h"
#include "base/limits.h"
#include "store/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const Scenario pairs = {
    "pairs of two machines",
    {.sealed = {"old", "old", NULL, "old"}, .public = {"old.pub", "old.pub", NULL, "old.pub"}},
    {.sealed = {"new", NULL, "new", "new"}, .public = {"new.pub", NULL, NULL, "new.pub"}}};

static const char *path_in(const CommitFixture *fixture, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "store/%s", name);
    return test_path(&fixture->folder, path);
}

/* Leaves a commit that is decided but not applied. */
static void begin_decided(CommitFixture *fixture, const Scenario *scenario)
{
    for (unsigned call = 1;; call++) {
        commit_begin(fixture, scenario);
        assert_true(commit_kill(fixture, commit_act, call));
        if (access(path_in(fixture, STORE_COMMIT), F_OK) == 0)
            return;
    }
}

/* --- readers --- */

static void test_the_list_beside_a_commit(void **state)
{
    static const char *const order[] = {"c", "a"};
    CommitFixture *fixture = *state;
    _cleanup_(freep) StoreEntry *entries = NULL;
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 2000000000}};
    size_t count;

    begin_decided(fixture, &pairs);
    assert_int_equal(utimensat(AT_FDCWD, path_in(fixture, ".commit/web/c.cred"), times, 0), 0);
    assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count), 0);
    assert_int_equal(count, COUNT(order));
    for (size_t i = 0; i < count; i++)
        assert_string_equal(entries[i].name.id, order[i]);
}

/* A read of several calls gives a whole state even if a commit begins and ends between any two of
 * its calls, or is applied step by step meanwhile. */
static unsigned act_at;
static CommitFixture *acting;
static unsigned reads; /* calls by the reader so far */

static void commit_back_and_forth(CommitFixture *fixture)
{
    static Scenario scenario;
    const Scenario *now = fixture->scenario;
    bool after = commit_is(fixture, &pairs.after);

    scenario = (Scenario){pairs.title, after ? pairs.after : pairs.before,
                          after ? pairs.before : pairs.after};
    fixture->scenario = &scenario;
    assert_int_equal(commit_act(fixture, NULL), 0);
    fixture->scenario = now;
}

static void before_call(void)
{
    CommitFixture *fixture = acting;

    if (!fixture || ++reads != act_at)
        return;
    acting = NULL;
    commit_back_and_forth(fixture);
}

static void test_a_commit_at_each_call_of_a_reader(void **state)
{
    CommitFixture *fixture = *state;
    CredentialName name = commit_name(0);

    commit_hook = before_call;
    for (act_at = 1;; act_at++) {
        _cleanup_(bytes_done) Bytes sealed = {0}, public = {0};
        _cleanup_(freep) StoreEntry *entries = NULL;
        size_t count;

        commit_begin(fixture, &pairs);
        reads = 0;
        acting = fixture;
        assert_int_equal(store_read_pair(fixture->store, &name, NULL, &sealed, &public), 0);
        assert_int_equal(public.size, sealed.size + 4);
        assert_memory_equal(sealed.data, public.data, sealed.size);
        assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count), 0);
        assert_int_equal(count, 2);
        assert_true(strcmp(entries[0].name.id, "a") == 0 || strcmp(entries[1].name.id, "a") == 0);
        if (acting)
            break;
    }
    commit_hook = NULL;
    acting = NULL;
    assert_true(act_at > 20);
}

static void test_read_all_the_time(void **state)
{
    CommitFixture *fixture = *state;
    int status;
    pid_t pid;

    commit_begin(fixture, &pairs);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int i = 0; i < 100; i++)
            commit_back_and_forth(fixture);
        _exit(0);
    }
    while (waitpid(pid, &status, WNOHANG) == 0) {
        _cleanup_(bytes_done) Bytes sealed = {0}, public = {0};
        _cleanup_(freep) StoreEntry *entries = NULL;
        CredentialName name = commit_name(3);
        size_t count;

        assert_int_equal(store_read_pair(fixture->store, &name, NULL, &sealed, &public), 0);
        assert_memory_equal(sealed.data, public.data, sealed.size);
        assert_int_equal(store_list(fixture->store, "web", NULL, &entries, &count), 0);
        assert_int_equal(count, 2);
    }
    assert_int_equal(status, 0);
    assert_true(commit_is(fixture, &pairs.before));
}

/* A read without a commit under way costs one extra call. */
static void test_what_a_read_costs(void **state)
{
    CommitFixture *fixture = *state;
    _cleanup_(bytes_done) Bytes file = {0};
    CredentialName name = commit_name(0);

    commit_begin(fixture, &pairs);
    commit_calls = 0;
    assert_int_equal(store_read(fixture->store, &name, NULL, &file), 0);
    /* .commit, the machine's directory, the file; its content, and its end */
    assert_int_equal(commit_calls, 5);
}

/* A failure to read an entry is not the end of the directory. */
static void test_lists_that_cannot_be_read(void **state)
{
    CommitFixture *fixture = *state;
    unsigned failed = 0;

    begin_decided(fixture, &pairs);
    commit_errno = EIO;
    for (commit_fail_at = 1;; commit_fail_at++) {
        _cleanup_(freep) StoreEntry *entries = NULL;
        _cleanup_(strings_freep) char **machines = NULL;
        size_t count = 0;
        int r;

        commit_calls = 0;
        r = store_list(fixture->store, "web", NULL, &entries, &count);
        if (r == 0)
            r = store_machines(fixture->store, NULL, &machines);
        assert_true(r == -EIO || (machines[0] && machines[1] && !machines[2]));
        failed += r != 0;
        if (commit_calls < commit_fail_at)
            break;
    }
    commit_fail_at = 0;
    /* of both of web's directories and of the store's */
    assert_true(failed > 15);
}

/* --- writers --- */

#define WRITERS 3
#define ROUNDS  20

static int add_one(const CommitFixture *fixture)
{
    char digests[2][DIGEST_TEXT_BYTES], text[2][32];
    StoreChange changes[2] = {0};

    for (size_t i = 0; i < 2; i++) {
        _cleanup_(bytes_done) Bytes file = {0};

        changes[i].name = commit_name(i == 0 ? 0 : 3);
        if (store_read(fixture->store, &changes[i].name, NULL, &file) != 0)
            _exit(2);
        digest_format(bytes_view(&file), digests[i]);
        snprintf(text[i], sizeof(text[i]), "%.*s", (int)file.size, (const char *)file.data);
        snprintf(text[i], sizeof(text[i]), "%d", atoi(text[i]) + 1);
        changes[i].sealed = test_view(text[i]);
        changes[i].precondition = STORE_DIGEST;
        changes[i].digest = digests[i];
    }
    return store_commit(
        fixture->store,
        &(StoreCommit){.changes = changes, .count = 2, .origin = {"test", 0, getpid()}}, NULL);
}

/* No addition is lost, and the two files are always the same. */
static void test_several_writers(void **state)
{
    static const Scenario zero = {"", {.sealed = {"0", NULL, NULL, "0"}}, {}};
    CommitFixture *fixture = *state;
    int status;

    commit_begin(fixture, &zero);
    for (int i = 0; i < WRITERS; i++) {
        if (fork() != 0)
            continue;
        for (int done = 0, r; done < ROUNDS; done += r == 0) {
            r = add_one(fixture);
            if (r != 0 && r != OUTCOME_CHANGED && r != OUTCOME_TIMEOUT)
                _exit(3);
        }
        _exit(0);
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_true(commit_is(fixture, &(State){.sealed = {"60", NULL, NULL, "60"}}));
    commit_expect_tidy(fixture);
}

/* A writer gives up after a while; a process that only completes others' commits does not wait at
 * all. */
static void test_a_lock_that_is_held(void **state)
{
    CommitFixture *fixture = *state;
    _cleanup_(closep) int lock = -1;
    Reason reason = {0};

    begin_decided(fixture, &pairs);
    lock = open(path_in(fixture, "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(commit_act(fixture, &reason), OUTCOME_TIMEOUT);
    assert_non_null(strstr(reason.text, "another program"));
    assert_int_equal(commit_recover(fixture, NULL), 0);
    assert_int_equal(access(path_in(fixture, STORE_COMMIT), F_OK), 0);
    assert_true(commit_is_after(fixture));
}

/* The next writer completes it, and reports each of its changes. */
static void test_the_next_writer_completes_it(void **state)
{
    CommitFixture *fixture = *state;
    char path[STORE_PATH_BYTES];

    begin_decided(fixture, &pairs);
    assert_false(store_is_blocked(fixture->store, path));
    /* the file to be removed is gone already */
    assert_int_equal(commit_act(fixture, NULL), OUTCOME_NOT_FOUND);
    assert_true(commit_is_after(fixture));
    commit_expect_tidy(fixture);
    commit_expect_applied(fixture, true, 0);
}

/* --- what we cannot have left --- */

/* PATH is what doctor names; NULL if it is not in ".commit". */
static void expect_unsafe(CommitFixture *fixture, const char *title, const char *path)
{
    char found[STORE_PATH_BYTES];
    Reason reason = {0};

    if (store_is_blocked(fixture->store, found) != (path != NULL))
        fail_msg("%s: wrongly seen or not seen", title);
    if (path)
        assert_string_equal(found, path);
    if (commit_recover(fixture, &reason) != OUTCOME_STORE_UNSAFE)
        fail_msg("%s is taken", title);
    assert_non_null(strstr(reason.text, "move it out of the store"));
    assert_int_equal(commit_act(fixture, NULL), OUTCOME_STORE_UNSAFE);
}

typedef struct Planting {
    const char *title;
    const char *replaced; /* removed first, if not NULL */
    const char *path;     /* the kind of file that is planted */
    mode_t type;          /* S_IFLNK: to ../../../victim; S_IFREG: a hard link to it; others */
} Planting;

static const Planting plantings[] = {
    {"a link in the place of a file", ".commit/web/a.cred", ".commit/web/a.cred", S_IFLNK},
    {"a second name of another file", ".commit/web/a.cred", ".commit/web/a.cred", S_IFREG},
    {"a FIFO", ".commit/web/a.cred", ".commit/web/a.cred", S_IFIFO},
    {"a directory in the place of a file", ".commit/web/a.cred", ".commit/web/a.cred", S_IFDIR},
    {"a name that is no credential's", NULL, ".commit/web/passwd", S_IFREG},
    {"a name with ..", NULL, ".commit/web/...cred", S_IFREG},
    {"a machine that is a link", NULL, ".commit/mail", S_IFLNK},
    {"a machine that is a file", NULL, ".commit/mail", S_IFREG},
    {"a name that is no machine's", NULL, ".commit/-x", S_IFDIR},
    {"a record of another name", NULL, ".commit/.record.X", S_IFREG},
};

static void plant(const CommitFixture *fixture, const Planting *planting)
{
    const char *path = path_in(fixture, planting->path);
    char victim[128];

    snprintf(victim, sizeof(victim), "%s", test_path(&fixture->folder, "victim"));
    if (planting->replaced)
        assert_int_equal(unlink(path_in(fixture, planting->replaced)), 0);
    if (planting->type == S_IFLNK)
        assert_int_equal(symlink(victim, path), 0);
    else if (planting->type == S_IFREG)
        assert_int_equal(link(victim, path), 0);
    else if (planting->type == S_IFDIR)
        assert_int_equal(mkdir(path, 0700), 0);
    else
        assert_int_equal(mknod(path, planting->type | 0600, 0), 0);
}

/* It stays, and so does its target; reading still works. */
static void test_hostile_commits(void **state)
{
    CommitFixture *fixture = *state;
    CredentialName name = commit_name(3);
    char victim[128];

    snprintf(victim, sizeof(victim), "%s", test_path(&fixture->folder, "victim"));

    for (size_t i = 0; i < COUNT(plantings); i++) {
        _cleanup_(bytes_done) Bytes content = {0}, db = {0};
        struct stat before, after;

        begin_decided(fixture, &pairs);
        test_write_file(victim, test_view("victim"), 0604);
        plant(fixture, &plantings[i]);
        assert_int_equal(stat(victim, &before), 0);
        expect_unsafe(fixture, plantings[i].title, plantings[i].path);
        assert_int_equal(stat(victim, &after), 0);
        assert_int_equal(after.st_mode, before.st_mode);
        assert_int_equal(after.st_nlink, before.st_nlink);
        content = test_read_file(victim);
        assert_true(bytes_view_equal(bytes_view(&content), test_view("victim")));
        assert_int_equal(access(path_in(fixture, plantings[i].path), F_OK), 0);
        assert_int_equal(store_read(fixture->store, &name, NULL, &db), 0);
        assert_true(bytes_view_equal(bytes_view(&db), test_view("new")));
        unlink(victim);
    }
}

/* Planted instead of the directory itself: it contains no commit, so reading ignores it. */
static void test_a_commit_that_is_no_directory(void **state)
{
    CommitFixture *fixture = *state;
    static const mode_t types[] = {S_IFIFO, S_IFLNK};

    for (size_t i = 0; i < COUNT(types); i++) {
        commit_begin(fixture, &pairs);
        assert_int_equal(mkdir(test_path(&fixture->folder, "elsewhere"), 0700), 0);
        if (types[i] == S_IFLNK)
            assert_int_equal(symlink("../elsewhere", path_in(fixture, STORE_COMMIT)), 0);
        else
            assert_int_equal(mkfifo(path_in(fixture, STORE_COMMIT), 0600), 0);
        expect_unsafe(fixture, "no directory", STORE_COMMIT);
        assert_true(commit_is(fixture, &pairs.before));
        assert_int_equal(rmdir(test_path(&fixture->folder, "elsewhere")), 0);
    }
}

/* An invalid origin loses its name and nothing else. */
static void note_origin(void *userdata, const CredentialName *name, bool removed,
                        const StoreOrigin *origin)
{
    StoreOrigin *ret = userdata;

    (void)name;
    (void)removed;
    *ret = *origin;
    ret->verb = strcmp(origin->verb, "unknown") == 0 ? "unknown" : "known";
}

static void test_hostile_origins(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "set\n",
        "set 0\n",
        "set 0 1",
        "set 0 -1\n",
        "set 4294967296 1\n",
        "set -1 1\n",
        "set x 1\n",
        "set 0x1 1\n",
        " set 0 1\n",
        "set  0 1\n",
        "\033[31m 0 1\n",
        "abcdefghijklmnopq 0 1\n",
        "set 0 1 more\n",
        "set 0 1\nset 0 1\n",
    };
    CommitFixture *fixture = *state;

    for (size_t i = 0; i < COUNT(texts) + 2; i++) {
        const char *path;
        StoreOrigin origin = {0};
        static char large[4096];

        begin_decided(fixture, &pairs);
        path = path_in(fixture, ".commit/.origin");
        assert_int_equal(unlink(path), 0);
        memset(large, ' ', sizeof(large) - 1);
        if (i < COUNT(texts))
            test_write_file(path, test_view(texts[i]), 0600);
        else if (i == COUNT(texts))
            test_write_file(path, test_view(large), 0600);
        else
            assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(store_recover(fixture->store, note_origin, &origin, NULL), 0);
        assert_string_equal(origin.verb, "unknown");
        assert_int_equal(origin.uid, (uid_t)-1);
        assert_true(commit_is_after(fixture));
        commit_expect_tidy(fixture);
    }
}

/* Leftovers of an undecided commit are removed, whatever they are; the target of a link is not. */
static void test_hostile_preparations(void **state)
{
    CommitFixture *fixture = *state;
    char victim[128];

    snprintf(victim, sizeof(victim), "%s", test_path(&fixture->folder, "victim"));
    test_write_file(victim, test_view("victim"), 0600);
    for (int i = 0; i < 3; i++) {
        commit_begin(fixture, &pairs);
        if (i == 0) {
            assert_int_equal(symlink("../victim", path_in(fixture, STORE_PREPARE)), 0);
        } else if (i == 1) {
            assert_int_equal(mkfifo(path_in(fixture, STORE_PREPARE), 0600), 0);
        } else {
            assert_int_equal(mkdir(path_in(fixture, STORE_PREPARE), 0700), 0);
            assert_int_equal(mkdir(path_in(fixture, ".prepare/web"), 0700), 0);
            assert_int_equal(symlink(victim, path_in(fixture, ".prepare/web/x")), 0);
            assert_int_equal(link(victim, path_in(fixture, ".prepare/y")), 0);
        }
        assert_int_equal(commit_act(fixture, NULL), 0);
        assert_true(commit_is_after(fixture));
        commit_expect_tidy(fixture);
        assert_int_equal(access(victim, F_OK), 0);
    }
    commit_begin(fixture, &pairs);
    assert_int_equal(mkdir(path_in(fixture, STORE_PREPARE), 0700), 0);
    assert_int_equal(mkdir(path_in(fixture, ".prepare/a"), 0700), 0);
    assert_int_equal(mkdir(path_in(fixture, ".prepare/a/b"), 0700), 0);
    expect_unsafe(fixture, "directories in directories", NULL);
}

/* The directory that marks the last commit contains foreign files. */
static void test_a_last_commit_that_is_not_empty(void **state)
{
    CommitFixture *fixture = *state;

    commit_begin(fixture, &pairs);
    test_write_file(path_in(fixture, ".done/x"), test_view("x"), 0600);
    assert_int_equal(commit_act(fixture, NULL), 0);
    assert_true(commit_is_after(fixture));
    commit_expect_tidy(fixture);
    assert_int_equal(access(path_in(fixture, ".done/x"), F_OK), -1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_list_beside_a_commit, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_a_commit_at_each_call_of_a_reader, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_read_all_the_time, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_read_costs, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_lists_that_cannot_be_read, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_several_writers, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_a_lock_that_is_held, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_the_next_writer_completes_it, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_commits, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_a_commit_that_is_no_directory, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_origins, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_preparations, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_a_last_commit_that_is_not_empty, commit_set_up,
                                        commit_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
