/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/store/rollback.c and lib/rollback/rollback_check.c: what was restored is noticed;
 * what was changed in the right way is not, wherever it was killed. The TPM's counter is a file
 * here.
 */

#include "rollback_fixture.h"
#include "steps.h"

#include <errno.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/wait.h>

/* What a kill leaves does not depend on it, and it takes most of the time. */
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return 0;
}

/* --- what is no rollback --- */

static void test_off(void **state)
{
    Fixture *fixture = *state;
    RollbackState ret;

    assert_int_equal(change(fixture, "web@a", "one"), 0);
    assert_int_equal(rollback_check(fixture->store, true, NULL, &ret), OUTCOME_NOT_FOUND);
    turn_on(fixture);
    expect_well(fixture);
    assert_int_equal(rollback_remove(fixture->store, NULL), 0);
    assert_int_equal(rollback_remove(fixture->store, NULL), 0);
    assert_int_equal(rollback_check(fixture->store, true, NULL, &ret), OUTCOME_NOT_FOUND);
    assert_int_equal(change(fixture, "web@a", "two"), 0);
}

/* The index that commits compute is the one that the whole store has. */
static void test_changes(void **state)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"web@a", "one"}, {"web@a", "two"}, {"web@b", "two"}, {"db@a", "two"},  {"web@a", "one"},
        {"web@a", NULL},  {"db@a", ""},     {"db@a", NULL},   {"web@a", "one"},
    };
    Fixture *fixture = *state;

    turn_on(fixture);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(change(fixture, rows[i].name, rows[i].text), 0);
        expect_well(fixture);
        if (i % 2)
            assert_int_equal(advance(fixture, count), 0);
        expect_well(fixture);
    }
}

/* Refused before anything changes. */
static void test_refused_commit(void **state)
{
    Fixture *fixture = *state;
    RollbackState before, after;

    turn_on(fixture);
    assert_int_equal(rollback_check(fixture->store, false, NULL, &before), 0);
    assert_int_equal(change(fixture, "web@a", NULL), OUTCOME_NOT_FOUND);
    assert_int_equal(rollback_check(fixture->store, false, NULL, &after), 0);
    assert_true(rollback_state_equal(&before, &after));
}

static void test_changed(void **state)
{
    Fixture *fixture = *state;
    RollbackState ret;

    turn_on(fixture);
    assert_int_equal(rollback_check(fixture->store, false, NULL, &ret), 0);
    assert_false(ret.changed);
    assert_int_equal(change(fixture, "web@a", "one"), 0);
    assert_int_equal(rollback_check(fixture->store, false, NULL, &ret), 0);
    assert_true(ret.changed);
    assert_false(rollback_state_pending(&ret));
    assert_int_equal(advance(fixture, count), 0);
    assert_int_equal(rollback_check(fixture->store, false, NULL, &ret), 0);
    assert_false(ret.changed);
    assert_int_equal(ret.value, 7);
    assert_int_equal(counter_value(fixture), 7);
    /* nothing has changed since */
    assert_int_equal(advance(fixture, count), 0);
    assert_int_equal(counter_value(fixture), 7);
}

/* --- what is one --- */

static void test_restored(void **state)
{
    Fixture *fixture = *state;

    turn_on(fixture);
    assert_int_equal(change(fixture, "web@a", "old"), 0);
    assert_int_equal(advance(fixture, count), 0);
    copy_aside(fixture);
    assert_int_equal(change(fixture, "web@a", "new"), 0);
    assert_int_equal(advance(fixture, count), 0);
    expect_well(fixture);
    /* the whole disk */
    restore(fixture, "store");
    restore(fixture, "rollback");
    expect_noticed(fixture, "an older copy of it was put back");
    /* it stays noticed, whatever is changed */
    assert_int_equal(change(fixture, "web@a", "new"), 0);
    assert_int_equal(advance(fixture, count), OUTCOME_ROLLED_BACK);
    expect_noticed(fixture, "an older copy of it was put back");
    turn_on(fixture);
    expect_well(fixture);
    /* the store alone */
    copy_aside(fixture);
    assert_int_equal(change(fixture, "web@a", "newer"), 0);
    restore(fixture, "store");
    expect_noticed(fixture, "not as this program has left it");
    assert_int_equal(change(fixture, "web@b", "one"), 0);
    expect_noticed(fixture, "not as this program has left it");
}

/* Several changes shared an increment: a copy from between them is noticed after the next one. */
static void test_restored_between(void **state)
{
    Fixture *fixture = *state;

    turn_on(fixture);
    assert_int_equal(change(fixture, "web@a", "one"), 0);
    assert_int_equal(advance(fixture, count), 0);
    assert_int_equal(change(fixture, "web@a", "two"), 0);
    copy_aside(fixture);
    assert_int_equal(change(fixture, "web@a", "three"), 0);
    assert_int_equal(advance(fixture, count), 0);
    restore(fixture, "store");
    restore(fixture, "rollback");
    expect_noticed(fixture, "an older copy");
}

static void test_other_changes(void **state)
{
    char path[256];
    Fixture *fixture = *state;

    assert_int_equal(change(fixture, "web@a", "one"), 0);
    turn_on(fixture);
    snprintf(path, sizeof(path), "%s/web/a.cred", fixture->store);
    assert_int_equal(unlink(path), 0);
    expect_noticed(fixture, "restored or changed");
    test_write_file(path, test_view("two"), 0640);
    expect_noticed(fixture, "restored or changed");
    test_write_file(path, test_view("one"), 0640);
    expect_well(fixture);
    /* the value of one credential under the name of another */
    assert_int_equal(change(fixture, "web@b", "two"), 0);
    expect_well(fixture);
    test_write_file(path, test_view("two"), 0640);
    snprintf(path, sizeof(path), "%s/web/b.cred", fixture->store);
    test_write_file(path, test_view("one"), 0640);
    expect_noticed(fixture, "restored or changed");
}

static void test_state_and_key(void **state)
{
    char path[256], old[256];
    Fixture *fixture = *state;

    turn_on(fixture);
    snprintf(path, sizeof(path), "%s/rollback/state", fixture->base);
    snprintf(old, sizeof(old), "%s/old", fixture->folder.path);
    assert_int_equal(rename(path, old), 0);
    expect_noticed(fixture, "somebody removed");
    /* a commit does not fail because of it */
    assert_int_equal(change(fixture, "web@a", "one"), 0);
    expect_noticed(fixture, "somebody removed");
    test_write_file(path, test_view("nonsense"), 0640);
    expect_noticed(fixture, "not valid");
    assert_int_equal(change(fixture, "web@a", NULL), 0);
    assert_int_equal(rename(old, path), 0);
    expect_well(fixture);
    snprintf(path, sizeof(path), "%s/rollback/key", fixture->base);
    assert_int_equal(truncate(path, 31), 0);
    expect_noticed(fixture, "the key of the rollback state is lost");
    assert_int_equal(unlink(path), 0);
    expect_noticed(fixture, "the key of the rollback state is lost");
}

/* --- fleets --- */

static const FleetFile file = {"web@x", "x", 0};

static void accept_set(const Fixture *fixture, uint64_t sequence, uint64_t before)
{
    _cleanup_(bytes_done) Bytes bundle = fleet_bundle("prod", sequence, &file, 1);
    RollbackScope scope = {fixture->store, "prod", sequence, before};
    StoreRecord record = {FLEET_SET_RECORD, bytes_view(&bundle)};
    _cleanup_(store_freep) Store *set = NULL;
    char path[PATH_MAX];

    fleet_set_path(fixture->store, "", path);
    mkdir(path, 0770);
    fleet_set_path(fixture->store, "prod", path);
    mkdir(path, 0770);
    own(path);
    assert_int_equal(store_new(path, NULL, &set), 0);
    assert_int_equal(store_commit(set,
                                  &(StoreCommit){.origin = {.verb = "fleet"},
                                                 .records = &record,
                                                 .record_count = 1,
                                                 .rollback = &scope},
                                  NULL),
                     0);
}

static void test_fleets(void **state)
{
    Fixture *fixture = *state;

    accept_set(fixture, 7, 0);
    turn_on(fixture);
    copy_aside(fixture);
    expect_well(fixture);
    accept_set(fixture, 8, 7);
    expect_well(fixture);
    restore(fixture, "fleet");
    expect_noticed(fixture, "has the set of sequence 7 of the fleet prod, and has accepted "
                            "sequence 8");
    /* a later one does not hide it */
    accept_set(fixture, 9, 7);
    expect_noticed(fixture, "has accepted sequence 8");
    turn_on(fixture);
    expect_well(fixture);
    run("rm -r %s/fleet", fixture->base);
    expect_noticed(fixture, "has no set of the fleet prod");
    turn_on(fixture);
    restore(fixture, "fleet");
    expect_noticed(fixture, "has accepted none");
}

/* --- killed --- */

static int change_and_count(const void *argument)
{
    const Fixture *fixture = argument;

    return change(fixture, "web@a", "new") == 0 && advance(fixture, count) == 0 ? 0 : 1;
}

/* Wherever a change or the increment after it is killed, the next start finds no rollback and goes
 * on. */
static void test_killed(void **state)
{
    unsigned resumed = 0, steps = 0;
    int status = -1;
    bool goes = true;

    (void)state;
    for (unsigned change_number = 1; goes; change_number++) {
        RollbackVerdict how;
        Fixture fixture;
        pid_t pid;

        begin(&fixture);
        assert_int_equal(change(&fixture, "web@a", "old"), 0);
        turn_on(&fixture);
        copy_aside(&fixture);
        pid = steps_start(change_and_count, &fixture);
        goes = steps_go_to_change(pid, change_number, &status);
        if (goes)
            steps_kill(pid);
        if (verdict(&fixture, &how) != 0)
            fail_msg("killed at change %u: %s", change_number, fixture.reason.text);
        resumed += how == ROLLBACK_RESUME;
        steps++;
        /* it goes on, with a commit in between */
        assert_int_equal(change(&fixture, "web@b", "more"), 0);
        assert_int_equal(advance(&fixture, count), 0);
        expect_well(&fixture);
        assert_int_equal(change(&fixture, "web@a", "newer"), 0);
        assert_int_equal(advance(&fixture, count), 0);
        expect_well(&fixture);
        /* and an older copy is noticed */
        restore(&fixture, "store");
        restore(&fixture, "rollback");
        expect_noticed(&fixture, "an older copy");
        test_folder_remove(&fixture.folder);
    }
    assert_int_equal(status, 0);
    assert_in_range(resumed, 1, steps / 2);
    print_message("killed at %u steps, resumed after %u\n", steps, resumed);
}

/* Without the next start: the next commit finds out what the killed one did. */
static void test_killed_commit(void **state)
{
    int status = -1;
    bool goes = true;

    (void)state;
    for (unsigned change_number = 1; goes; change_number++) {
        Fixture fixture;
        pid_t pid;

        begin(&fixture);
        assert_int_equal(change(&fixture, "web@a", "old"), 0);
        turn_on(&fixture);
        pid = steps_start(change_and_count, &fixture);
        goes = steps_go_to_change(pid, change_number, &status);
        if (goes)
            steps_kill(pid);
        assert_int_equal(change(&fixture, "web@b", "more"), 0);
        assert_int_equal(advance(&fixture, count), 0);
        expect_well(&fixture);
        test_folder_remove(&fixture.folder);
    }
    assert_int_equal(status, 0);
}

/* Two that increment at a time would be one too many. */
static void test_one_at_a_time(void **state)
{
    Fixture *fixture = *state;
    char path[256];
    int turn;

    turn_on(fixture);
    assert_int_equal(change(fixture, "web@a", "one"), 0);
    snprintf(path, sizeof(path), "%s/rollback/key", fixture->base);
    turn = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(flock(turn, LOCK_EX), 0);
    assert_int_equal(advance(fixture, count), OUTCOME_TIMEOUT);
    assert_int_equal(counter_value(fixture), 6);
    close(turn);
    assert_int_equal(advance(fixture, count), 0);
    expect_well(fixture);
    assert_int_equal(counter_value(fixture), 7);
}

static void test_tpm_fails(void **state)
{
    Fixture *fixture = *state;
    RollbackVerdict how;

    turn_on(fixture);
    assert_int_equal(change(fixture, "web@a", "one"), 0);
    assert_int_equal(advance(fixture, count_not), OUTCOME_TPM_BUSY);
    assert_int_equal(verdict(fixture, &how), 0);
    assert_int_equal(how, ROLLBACK_RESUME);
    assert_int_equal(advance(fixture, count), 0);
    expect_well(fixture);
    assert_int_equal(counter_value(fixture), 7);
}

/* --- the broker, which may not read all that root may --- */

#define OTHER_UID ((uid_t)65534)
#define OTHER_GID ((gid_t)65533)

/* What the broker says, with its own rights, and not those of root. */
static int verdict_of_broker(Fixture *fixture)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    struct stat status;
    int r;
    pid_t pid;

    assert_int_equal(stat(fixture->store, &status), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        RollbackVerdict how;
        uid_t uid = user ? user->pw_uid : OTHER_UID;

        if (setgroups(0, NULL) < 0 || setresgid(status.st_gid, status.st_gid, status.st_gid) < 0 ||
            setresuid(uid, uid, uid) < 0)
            _exit(101);
        r = verdict(fixture, &how);
        _exit(r >= 0 ? r : 102);
    }
    assert_int_equal(waitpid(pid, &r, 0), pid);
    assert_true(WIFEXITED(r));
    return WEXITSTATUS(r);
}

static void expect_both_well(Fixture *fixture)
{
    expect_well(fixture);
    assert_int_equal(verdict_of_broker(fixture), 0);
}

static void expect_both_noticed(Fixture *fixture)
{
    expect_noticed(fixture, "restored or changed");
    assert_int_equal(verdict_of_broker(fixture), OUTCOME_ROLLED_BACK);
}

/* Whatever root puts into the store, root and the broker have the same index of it; and a file that
 * the broker may read is in it. */
static void test_unreadable(void **state)
{
    const struct passwd *user = getpwnam(BROKER_USER);
    Fixture *fixture = *state;
    gid_t group = getgrnam(BROKER_USER) ? getgrnam(BROKER_USER)->gr_gid : OTHER_GID;
    const struct {
        uid_t uid;
        gid_t gid;
        mode_t mode;
        bool counts;
        bool of_broker; /* only if there is the broker's user */
    } rows[] = {
        {0, 0, 0600, false, false},
        {0, 0, 0640, false, false},
        {0, 0, 0644, true, false},
        {0, group, 0640, true, false},
        {0, group, 0604, false, false},
        {user ? user->pw_uid : 0, group, 0600, true, true},
        {user ? user->pw_uid : 0, group, 0040, false, true},
    };
    char path[256];

    if (geteuid() != 0)
        test_skip("only root may read what the broker may not");
    assert_int_equal(chmod(fixture->folder.path, 0755), 0);
    assert_int_equal(chmod(fixture->counter, 0644), 0);
    assert_int_equal(chown(fixture->store, 0, group), 0);
    assert_int_equal(change(fixture, "web@a", "one"), 0);
    snprintf(path, sizeof(path), "%s/web/b.cred", fixture->store);
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (rows[i].of_broker && !user)
            continue;
        turn_on(fixture);
        expect_both_well(fixture);
        test_write_file(path, test_view("by hand"), 0600);
        assert_int_equal(chown(path, rows[i].uid, rows[i].gid), 0);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        if (rows[i].counts)
            expect_both_noticed(fixture);
        turn_on(fixture);
        expect_both_well(fixture);
        /* a commit takes it from the index as it was there */
        assert_int_equal(change(fixture, "web@b", "two"), 0);
        expect_both_well(fixture);
        assert_int_equal(change(fixture, "web@b", NULL), 0);
        expect_both_well(fixture);
    }
}

int main(void)
{
#define with_store(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        with_store(test_off),
        with_store(test_changes),
        with_store(test_refused_commit),
        with_store(test_changed),
        with_store(test_restored),
        with_store(test_restored_between),
        with_store(test_other_changes),
        with_store(test_state_and_key),
        with_store(test_fleets),
        with_store(test_tpm_fails),
        with_store(test_one_at_a_time),
        with_store(test_unreadable),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_killed_commit),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
