/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A store with a commit. See commit_fixture.h.
 */

#include "commit_fixture.h"

#include "base/fsutil.h"
#include "store/history.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

const Scenario scenarios[] = {
    {"a first credential", {}, {.sealed = {"new"}}},
    {"one file replaced", {.sealed = {"old", "b"}}, {.sealed = {"new", "b"}}},
    {"one file removed", {.sealed = {"old", "b"}}, {.sealed = {NULL, "b"}}},
    {"a public half alone",
     {.sealed = {"old"}, .public = {"old.pub"}},
     {.sealed = {"old"}, .public = {"new.pub"}}},
    {"a public half goes alone", {.sealed = {"old"}, .public = {"old.pub"}}, {.sealed = {"old"}}},
    {"a first pair", {}, {.sealed = {"new"}, .public = {"new.pub"}}},
    {"a pair replaced",
     {.sealed = {"old"}, .public = {"old.pub"}},
     {.sealed = {"new"}, .public = {"new.pub"}}},
    {"a pair becomes a password", {.sealed = {"old"}, .public = {"old.pub"}}, {.sealed = {"new"}}},
    {"a pair removed", {.sealed = {"old", "b"}, .public = {"old.pub"}}, {.sealed = {NULL, "b"}}},
    {"several of one machine",
     {.sealed = {"old", "old", NULL, "db"}, .public = {"old.pub", "old.pub"}},
     {.sealed = {"new", NULL, "new", "db"}, .public = {"new.pub", NULL, "new.pub"}}},
    {"several machines",
     {.sealed = {"old", "old", NULL, "old"}, .public = {"old.pub", NULL, NULL, "old.pub"}},
     {.sealed = {"new", NULL, "new", NULL, "new"}, .public = {"new.pub", NULL, NULL, NULL, "new"}}},
    {"a value replaced, the old one kept",
     {.sealed = {"b2xk\n", "b"}},
     {.sealed = {"bmV3\n", "b"}, .old = {"b2xk\n"}}},
    {"a history goes with its credential",
     {.sealed = {"bmV3\n", "b"}, .old = {"b2xk\n"}},
     {.sealed = {NULL, "b"}}},
    {"a history ends",
     {.sealed = {"bmV3\n"}, .public = {"a.pub"}, .old = {"b2xk\n"}},
     {.sealed = {"bmV4\n"}}},
    {"one with a record",
     {.sealed = {"old"}, .record = "old state"},
     {.sealed = {"new"}, .record = "new state"}},
    {"a record alone", {.sealed = {"old"}}, {.sealed = {"old"}, .record = "new state"}},
};
const size_t scenario_count = COUNT(scenarios);

CredentialName commit_name(size_t credential)
{
    static const char *const names[CREDENTIALS] = {"web@a", "web@b", "web@c", "db@a", "mail@a"};
    CredentialName name;

    assert_int_equal(credential_name_parse(names[credential], NULL, &name), 0);
    return name;
}

int commit_set_up(void **state)
{
    static CommitFixture fixture;

    fixture = (CommitFixture){.folder = test_folder()};
    *state = &fixture;
    return 0;
}

int commit_tear_down(void **state)
{
    CommitFixture *fixture = *state;

    fixture->store = store_free(fixture->store);
    test_folder_remove(&fixture->folder);
    return 0;
}

/* --- states --- */

static unsigned kill_at; /* the call, from 1, before which this process is killed; 0 for none */

static bool fails(bool needs_room);

static BytesView view_of(const char *text)
{
    return text ? test_view(text) : (BytesView){0};
}

static bool differs(const char *left, const char *right)
{
    return !left || !right ? left != right : strcmp(left, right) != 0;
}

/* Half of the store's credentials are not named and stay as they are. */
static size_t make_changes(const State *before, const State *after,
                           StoreChange changes[CREDENTIALS])
{
    size_t count = 0;

    for (size_t i = 0; i < CREDENTIALS; i++) {
        bool sealed = differs(before->sealed[i], after->sealed[i]);

        if (!sealed && !differs(before->public[i], after -> public[i]))
            continue;
        changes[count++] = (StoreChange){.name = commit_name(i),
                                         .remove = !after->sealed[i],
                                         .sealed = view_of(sealed ? after->sealed[i] : NULL),
                                         .public = view_of(after->public[i]),
                                         .keep_old = after->old[i]};
    }
    return count;
}

/* Writes one line per call. It counts as a call at which the process is killed: a process that is
 * killed before it did not make the call. */
static void note_applied(void *userdata, const CredentialName *name, bool removed,
                         const StoreOrigin *origin)
{
    const CommitFixture *fixture = userdata;
    _cleanup_(closep) int fd = open(test_path(&fixture->folder, "applied"),
                                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    (void)fails(false);
    dprintf(fd, "%s@%s %s %s %u\n", name->machine, name->id, removed ? "removed" : "written",
            origin->verb, origin->uid);
}

static int commit_between(const CommitFixture *fixture, const State *before, const State *after,
                          bool noted, Reason *reason)
{
    StoreChange changes[CREDENTIALS];
    StoreRecord record = {"fleet", view_of(after->record)};

    return store_commit(fixture->store,
                        &(StoreCommit){
                            .changes = changes,
                            .count = make_changes(before, after, changes),
                            .origin = {"test", 17, getpid()},
                            .history = 3,
                            .records = &record,
                            .record_count = differs(before->record, after->record),
                            .applied = noted ? note_applied : NULL,
                            .userdata = (void *)fixture,
                        },
                        reason);
}

void commit_begin(CommitFixture *fixture, const Scenario *scenario)
{
    State first = scenario->before;
    TestFolder store;

    fixture->store = store_free(fixture->store);
    snprintf(store.path, sizeof(store.path), "%s", test_path(&fixture->folder, "store"));
    if (access(store.path, F_OK) == 0)
        test_folder_remove(&store);
    unlink(test_path(&fixture->folder, "applied"));
    assert_int_equal(mkdir(store.path, 0700), 0);
    assert_int_equal(store_new(store.path, NULL, &fixture->store), 0);
    fixture->scenario = scenario;
    for (size_t i = 0; i < CREDENTIALS; i++)
        if (first.old[i]) {
            first.sealed[i] = first.old[i];
            first.old[i] = NULL;
        }
    assert_int_equal(commit_between(fixture, &(State){}, &first, false, NULL), 0);
    assert_int_equal(commit_between(fixture, &first, &scenario->before, false, NULL), 0);
    assert_true(commit_is(fixture, &scenario->before));
}

int commit_act(const CommitFixture *fixture, Reason *reason)
{
    return commit_between(fixture, &fixture->scenario->before, &fixture->scenario->after, true,
                          reason);
}

bool commit_kill(const CommitFixture *fixture,
                 int (*act)(const CommitFixture *fixture, Reason *reason), unsigned call)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        commit_calls = 0;
        kill_at = call;
        _exit(act(fixture, NULL) == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status))
        return true;
    assert_int_equal(WEXITSTATUS(status), 0);
    return false;
}

int commit_recover(const CommitFixture *fixture, Reason *reason)
{
    return store_recover(fixture->store, note_applied, (void *)fixture, reason);
}

static bool history_is(const CommitFixture *fixture, const CredentialName *name, const char *old)
{
    _cleanup_(store_history_done) StoreHistory history = {0};

    if (store_read_history(fixture->store, name, NULL, &history) != 0)
        return false;
    return old ? history.count == 2 && strcmp(history.values[0].verb, "test") == 0 &&
                     bytes_view_equal(bytes_view(&history.values[1].sealed), view_of(old))
               : history.count == 0;
}

static bool credential_is(const CommitFixture *fixture, size_t i, const State *state)
{
    _cleanup_(bytes_done) Bytes sealed = {0}, public = {0};
    CredentialName name = commit_name(i);
    int r = store_read_pair(fixture->store, &name, NULL, &sealed, &public);

    if (!history_is(fixture, &name, state->old[i]))
        return false;
    if (!state->sealed[i])
        return r == OUTCOME_NOT_FOUND;
    return r == 0 && bytes_view_equal(bytes_view(&sealed), view_of(state->sealed[i])) &&
           bytes_view_equal(bytes_view(&public), view_of(state->public[i]));
}

static bool machine_is(const CommitFixture *fixture, const char *machine, const State *state)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count, expected = 0, found = 0;

    assert_int_equal(store_list(fixture->store, machine, NULL, &entries, &count), 0);
    for (size_t i = 0; i < CREDENTIALS; i++) {
        CredentialName name = commit_name(i);

        if (!state->sealed[i] || strcmp(name.machine, machine) != 0)
            continue;
        expected++;
        for (size_t j = 0; j < count; j++)
            found += strcmp(entries[j].name.id, name.id) == 0;
    }
    return found == expected && count == expected;
}

bool commit_is(const CommitFixture *fixture, const State *state)
{
    static const char *const machines[] = {"web", "db", "mail"};
    _cleanup_(bytes_done) Bytes record = {0};
    int r = store_read_record(fixture->store, "fleet", NULL, &record);

    if (r != (state->record ? 0 : OUTCOME_NOT_FOUND) ||
        !bytes_view_equal(bytes_view(&record), view_of(state->record)))
        return false;
    for (size_t i = 0; i < COUNT(machines); i++)
        if (!machine_is(fixture, machines[i], state))
            return false;
    for (size_t i = 0; i < CREDENTIALS; i++)
        if (!credential_is(fixture, i, state))
            return false;
    return true;
}

bool commit_is_after(const CommitFixture *fixture)
{
    if (commit_is(fixture, &fixture->scenario->after))
        return true;
    if (!commit_is(fixture, &fixture->scenario->before))
        fail_msg("%s: neither the old state nor the new one", fixture->scenario->title);
    return false;
}

static void expect_one_link(const char *path)
{
    _cleanup_(closedirp) DIR *directory = opendir(path);
    const struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        struct stat status;

        assert_int_equal(fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW), 0);
        if (S_ISREG(status.st_mode))
            assert_int_equal(status.st_nlink, 1);
        else if (entry->d_name[0] != '.')
            assert_int_equal(status.st_mode & 07777, 0770);
        if (strcmp(entry->d_name, ".prepare") == 0 || strcmp(entry->d_name, ".commit") == 0 ||
            strstr(entry->d_name, ".gone"))
            fail_msg("%s is left", entry->d_name);
    }
}

void commit_expect_tidy(const CommitFixture *fixture)
{
    static const char *const machines[] = {"store", "store/web", "store/db", "store/mail"};

    for (size_t i = 0; i < COUNT(machines); i++)
        if (access(test_path(&fixture->folder, machines[i]), F_OK) == 0)
            expect_one_link(test_path(&fixture->folder, machines[i]));
}

void commit_expect_applied(const CommitFixture *fixture, bool after, unsigned missing)
{
    const char *path = test_path(&fixture->folder, "applied");
    _cleanup_(bytes_done) Bytes file = {0};
    _cleanup_(freep) char *text = NULL;
    StoreChange changes[CREDENTIALS];
    size_t count = make_changes(&fixture->scenario->before, &fixture->scenario->after, changes);
    size_t lines = 0, expected = 0;

    if (access(path, F_OK) == 0)
        file = test_read_file(path);
    text = strndup(file.size ? (const char *)file.data : "", file.size);
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    for (size_t i = 0; i < count; i++) {
        char line[2048], *found;

        if (changes[i].sealed.size == 0 && !changes[i].remove)
            continue;
        expected++;
        snprintf(line, sizeof(line), "%s@%s %s test 17\n", changes[i].name.machine,
                 changes[i].name.id, changes[i].remove ? "removed" : "written");
        found = strstr(text, line);
        if (found && strstr(found + 1, line))
            fail_msg("%s: twice %s", fixture->scenario->title, line);
        lines -= found != NULL;
    }
    if (lines != 0)
        fail_msg("%s: applied is\n%s", fixture->scenario->title, text);
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    if (after ? lines + missing < expected : lines > 0)
        fail_msg("%s: %zu of %zu applied, by a commit that %s", fixture->scenario->title, lines,
                 expected, after ? "was decided" : "was not");
}

/* --- calls that fail: the linker gives them to us (CMakeLists.txt) --- */

unsigned commit_calls, commit_fail_at;
int commit_errno;
void (*commit_hook)(void);
static unsigned comparisons;

static bool fails(bool needs_room)
{
    if (commit_hook)
        commit_hook();
    if (++commit_calls == kill_at)
        raise(SIGKILL);
    if (commit_fail_at == 0 || commit_calls < commit_fail_at)
        return false;
    if (commit_errno == ENOSPC ? !needs_room : commit_calls > commit_fail_at)
        return false;
    errno = commit_errno;
    return true;
}

#define WRAP(name, needs_room, parameters, ...)                                                    \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return fails(needs_room) ? -1 : __real_##name(__VA_ARGS__);                                \
    }

WRAP(mkdirat, true, (int fd, const char *name, mode_t mode), fd, name, mode)
WRAP(fchmod, false, (int fd, mode_t mode), fd, mode)
WRAP(fchown, false, (int fd, uid_t owner, gid_t group), fd, owner, group)
WRAP(unlinkat, false, (int fd, const char *name, int flags), fd, name, flags)
WRAP(faccessat, false, (int fd, const char *name, int mode, int flags), fd, name, mode, flags)
WRAP(fstatat, false, (int fd, const char *name, struct stat *status, int flags), fd, name, status,
     flags)
WRAP(renameat, true, (int from, const char *name, int to, const char *other), from, name, to, other)
WRAP(renameat2, true, (int from, const char *name, int to, const char *other, unsigned flags), from,
     name, to, other, flags)

int __real_openat(int fd, const char *name, int flags, ...);
int __wrap_openat(int fd, const char *name, int flags, ...);
int __wrap_openat(int fd, const char *name, int flags, ...)
{
    va_list arguments;
    mode_t mode = 0;

    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return fails(flags & O_CREAT) ? -1 : __real_openat(fd, name, flags, mode);
}

/* With _FORTIFY_SOURCE, openat() is this one if its flags are not constant. */
int __wrap___openat_2(int fd, const char *name, int flags);
int __wrap___openat_2(int fd, const char *name, int flags)
{
    return __wrap_openat(fd, name, flags);
}

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    return fails(true) ? -1 : __real_write(fd, data, size);
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size)
{
    return fails(false) ? -1 : __real_read(fd, data, size);
}

struct dirent *__real_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory);
struct dirent *__wrap_readdir(DIR *directory)
{
    return fails(false) ? NULL : __real_readdir(directory);
}

/* It does not wait for the disk: a killed process loses nothing that it wrote, and the tests are
 * fast. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return fails(true) ? -1 : 0;
}

/* Tests do not really wait for a lock. */
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left);
int __wrap_nanosleep(const struct timespec *wait, struct timespec *left)
{
    (void)wait;
    (void)left;
    return sched_yield();
}

int __real_strcmp(const char *left, const char *right);
int __wrap_strcmp(const char *left, const char *right);
int __wrap_strcmp(const char *left, const char *right)
{
    comparisons++;
    return __real_strcmp(left, right);
}

unsigned commit_comparisons(void)
{
    return comparisons;
}
