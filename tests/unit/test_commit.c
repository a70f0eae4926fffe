/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/store/commit.c: what a commit does and refuses. When it is killed at any system
 * call, when any call fails, and on a full disk, it has applied all changes or none, and has
 * reported each once.
 */

#include "commit_fixture.h"

#include "base/base64.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- alone --- */

static void test_each_scenario(void **state)
{
    CommitFixture *fixture = *state;

    for (size_t i = 0; i < scenario_count; i++) {
        Reason reason = {0};

        commit_begin(fixture, &scenarios[i]);
        if (commit_act(fixture, &reason) != 0)
            fail_msg("%s: %s", scenarios[i].title, reason.text);
        assert_true(commit_is_after(fixture));
        commit_expect_tidy(fixture);
        commit_expect_applied(fixture, true, 0);
    }
}

static void test_modes(void **state)
{
    CommitFixture *fixture = *state;
    static const Scenario pair = {"", {}, {.sealed = {"new", "b"}, .public = {"new.pub"}}};
    struct stat status;

    commit_begin(fixture, &pair);
    assert_int_equal(commit_act(fixture, NULL), 0);
    assert_int_equal(stat(test_path(&fixture->folder, "store/web"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0770);
    assert_int_equal(stat(test_path(&fixture->folder, "store/web/a.cred"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(stat(test_path(&fixture->folder, "store/web/a.pub"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0644);
}

/* --- what is refused --- */

/* Commits CHANGE together with a valid one, which must not be applied either. */
static void expect_refusal(const CommitFixture *fixture, StoreChange change, int outcome)
{
    StoreChange changes[] = {
        {.name = commit_name(3), .sealed = test_view("new")},
        change,
    };
    Reason reason = {0};
    int r = store_commit(
        fixture->store,
        &(StoreCommit){.changes = changes, .count = COUNT(changes), .origin = {"test", 0, 0}},
        &reason);

    assert_int_equal(r, outcome);
    assert_true(reason.text[0]);
    assert_true(commit_is(fixture, &fixture->scenario->before));
    commit_expect_tidy(fixture);
    assert_int_equal(access(test_path(&fixture->folder, "store/db"), F_OK), -1);
}

static void test_preconditions(void **state)
{
    static const Scenario scenario = {"", {.sealed = {"old"}, .public = {"old.pub"}}, {}};
    CommitFixture *fixture = *state;
    StoreChange there = {.name = commit_name(0), .sealed = test_view("new")};
    StoreChange absent = {.name = commit_name(1), .sealed = test_view("new")};
    char digest[DIGEST_TEXT_BYTES];

    commit_begin(fixture, &scenario);
    there.precondition = STORE_ABSENT;
    expect_refusal(fixture, there, OUTCOME_EXISTS);

    digest_format(test_view("older"), digest);
    there.precondition = absent.precondition = STORE_DIGEST;
    there.digest = absent.digest = digest;
    expect_refusal(fixture, there, OUTCOME_CHANGED);
    expect_refusal(fixture, absent, OUTCOME_CHANGED);
    there.remove = absent.remove = true;
    expect_refusal(fixture, there, OUTCOME_CHANGED);
    expect_refusal(fixture, absent, OUTCOME_NOT_FOUND);

    absent = (StoreChange){.name = commit_name(1), .public = test_view("new")};
    expect_refusal(fixture, absent, OUTCOME_NOT_FOUND);
    expect_refusal(fixture, (StoreChange){.name = commit_name(3), .sealed = test_view("x")},
                   OUTCOME_USAGE);

    digest_format(test_view("old"), digest);
    there.remove = false;
    assert_int_equal(
        store_commit(fixture->store,
                     &(StoreCommit){.changes = &there, .count = 1, .origin = {"test", 0, 0}}, NULL),
        0);
    assert_true(commit_is(fixture, &(State){.sealed = {"new"}}));
}

static void test_keeps_the_public_half(void **state)
{
    static const Scenario scenario = {"", {.sealed = {"old"}, .public = {"old.pub"}}, {}};
    CommitFixture *fixture = *state;

    commit_begin(fixture, &scenario);
    assert_int_equal(
        store_commit(fixture->store,
                     &(StoreCommit){.changes = &(StoreChange){.name = commit_name(0),
                                                              .sealed = test_view("new"),
                                                              .keep_public = true},
                                    .count = 1,
                                    .origin = {"reseal", 0, 0}},
                     NULL),
        0);
    assert_true(commit_is(fixture, &(State){.sealed = {"new"}, .public = {"old.pub"}}));
}

static void test_limits(void **state)
{
    static const Scenario empty = {};
    CommitFixture *fixture = *state;
    static uint8_t large[LIMIT_FILE_BYTES + 1];
    static StoreChange many[LIMIT_COMMIT_CHANGES + 1];
    StoreCommit commit = {.changes = many, .count = COUNT(many), .origin = {"test", 0, 0}};
    StoreRecord record = {"Fleet", {}};

    commit_begin(fixture, &empty);
    expect_refusal(fixture, (StoreChange){.name = commit_name(0), .sealed = {large, sizeof(large)}},
                   OUTCOME_TOO_LARGE);
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_TOO_LARGE);
    commit.count = LIMIT_COMMIT_BYTES / LIMIT_FILE_BYTES + 1;
    for (size_t i = 0; i < commit.count; i++) {
        char id[32];

        snprintf(id, sizeof(id), "%zu", i);
        assert_int_equal(credential_name_new("web", id, NULL, &many[i].name), 0);
        many[i].sealed = (BytesView){large, LIMIT_FILE_BYTES};
    }
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_TOO_LARGE);
    commit.count = 3;
    many[2].name = many[0].name;
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_USAGE);
    commit.count = 0;
    commit.records = &record;
    commit.record_count = 1;
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_USAGE);
    record.name = "fleet";
    commit.origin.verb = "Test";
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_USAGE);
    assert_true(commit_is(fixture, &empty.before));
}

/* Each is planted instead of web/b.cred, or of web. */
static void test_links(void **state)
{
    static const Scenario scenario = {"", {.sealed = {"old", "old"}}, {}};
    CommitFixture *fixture = *state;
    StoreChange change = {
        .name = commit_name(1), .sealed = test_view("new"), .precondition = STORE_DIGEST};
    StoreCommit commit = {.changes = &change, .count = 1, .origin = {"test", 0, 0}};
    char digest[DIGEST_TEXT_BYTES];
    const char *entry, *other;

    commit_begin(fixture, &scenario);
    digest_format(test_view("old"), digest);
    change.digest = digest;
    entry = test_path(&fixture->folder, "store/web/b.cred");
    other = test_path(&fixture->folder, "other");
    assert_int_equal(rename(entry, other), 0);
    assert_int_equal(symlink("../../other", entry), 0);
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(link(other, entry), 0);
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(mkdir(entry, 0700), 0);
    change.precondition = STORE_ANY;
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(rmdir(entry), 0);
    assert_int_equal(rename(other, entry), 0);

    entry = test_path(&fixture->folder, "store/web");
    assert_int_equal(rename(entry, other), 0);
    assert_int_equal(symlink("../other", entry), 0);
    assert_int_equal(store_commit(fixture->store, &commit, NULL), OUTCOME_STORE_UNSAFE);
    assert_int_equal(unlink(entry), 0);
    assert_int_equal(rename(other, entry), 0);
    assert_true(commit_is(fixture, &scenario.before));
}

/* --- failures --- */

/* One call fails, or all calls that need room fail from one on; later there is room again. */
static void fail_each_call(CommitFixture *fixture, const Scenario *scenario, int error)
{
    unsigned failed = 0, at = 0, calls;

    do {
        bool after;
        int r;

        commit_begin(fixture, scenario);
        commit_calls = 0;
        commit_errno = error;
        commit_fail_at = ++at;
        r = commit_act(fixture, NULL);
        commit_fail_at = 0;
        calls = commit_calls;
        failed += r != 0;
        if (r != 0 && r != -error)
            fail_msg("%s, call %u: %d", scenario->title, at, r);
        after = commit_is_after(fixture);
        if (after != (r == 0))
            fail_msg("%s, call %u: %d, and the store is %s", scenario->title, at, r,
                     after ? "changed" : "not changed");
        assert_int_equal(commit_recover(fixture, NULL), 0);
        assert_int_equal(commit_is_after(fixture), after);
        commit_expect_tidy(fixture);
        commit_expect_applied(fixture, after, 0);
    } while (calls >= at);
    if (failed < 4)
        fail_msg("%s: only %u calls failed it", scenario->title, failed);
}

static void test_each_call_fails_once(void **state)
{
    for (size_t i = 0; i < scenario_count; i++)
        fail_each_call(*state, &scenarios[i], EIO);
}

static void test_the_disk_is_full(void **state)
{
    for (size_t i = 0; i < scenario_count; i++)
        fail_each_call(*state, &scenarios[i], ENOSPC);
}

/* A file system that cannot exchange two files. */
static void test_no_exchange(void **state)
{
    CommitFixture *fixture = *state;

    for (unsigned at = 1;; at++) {
        commit_begin(fixture, &scenarios[1]);
        commit_calls = 0;
        commit_errno = EINVAL;
        commit_fail_at = at;
        if (commit_act(fixture, NULL) == 0)
            break;
        commit_fail_at = 0;
        assert_true(at < 100);
    }
    commit_fail_at = 0;
    assert_true(commit_is_after(fixture));
    commit_expect_tidy(fixture);
}

/* --- killed --- */

/* The next writer completes it; the store stays in the state in which readers saw it. */
static void expect_completion(const CommitFixture *fixture, bool after)
{
    assert_int_equal(commit_recover(fixture, NULL), 0);
    assert_int_equal(commit_is_after(fixture), after);
    commit_expect_tidy(fixture);
    commit_expect_applied(fixture, after, 1);
}

static void test_killed_at_each_call(void **state)
{
    CommitFixture *fixture = *state;

    for (size_t i = 0; i < scenario_count; i++) {
        unsigned counts[2] = {0};

        for (unsigned call = 1;; call++) {
            bool after;

            commit_begin(fixture, &scenarios[i]);
            if (!commit_kill(fixture, commit_act, call))
                break;
            after = commit_is_after(fixture);
            counts[after]++;
            expect_completion(fixture, after);
        }
        assert_true(commit_is_after(fixture));
        commit_expect_applied(fixture, true, 0);
        print_message("%s: killed %u times before, %u times after\n", scenarios[i].title, counts[0],
                      counts[1]);
        assert_true(counts[false] > 5 && counts[true] >= 1);
    }
}

/* Returns the first call before which the commit is decided. */
static unsigned find_decision(CommitFixture *fixture, const Scenario *scenario)
{
    for (unsigned call = 1;; call++) {
        commit_begin(fixture, scenario);
        assert_true(commit_kill(fixture, commit_act, call));
        if (commit_is_after(fixture))
            return call;
    }
}

/* The commit is killed once it is decided, and then the process that completes it is killed at each
 * of its calls. */
static void test_recovery_killed_at_each_call(void **state)
{
    CommitFixture *fixture = *state;

    for (size_t i = 5; i < scenario_count; i++) {
        unsigned decision = find_decision(fixture, &scenarios[i]), call;

        for (call = 1;; call++) {
            commit_begin(fixture, &scenarios[i]);
            assert_true(commit_kill(fixture, commit_act, decision));
            if (!commit_kill(fixture, commit_recover, call))
                break;
            assert_true(commit_is_after(fixture));
            expect_completion(fixture, true);
        }
        assert_true(call > 10);
    }
}

/* --- large --- */

static unsigned commit_many(const CommitFixture *fixture, size_t count)
{
    static StoreChange changes[LIMIT_COMMIT_CHANGES];
    unsigned before = commit_comparisons();

    for (size_t i = 0; i < count; i++) {
        char id[32];

        snprintf(id, sizeof(id), "%zu", i);
        assert_int_equal(credential_name_new(i % 2 ? "web" : "db", id, NULL, &changes[i].name), 0);
        changes[i].sealed = test_view("sealed");
    }
    commit_calls = 0;
    assert_int_equal(
        store_commit(fixture->store,
                     &(StoreCommit){.changes = changes, .count = count, .origin = {"test", 0, 0}},
                     NULL),
        0);
    return commit_comparisons() - before + commit_calls;
}

/* Four times as many changes take four times the work, or a little more for sorting. */
static void test_work_grows_with_the_changes(void **state)
{
    static const Scenario empty = {};
    CommitFixture *fixture = *state;
    unsigned some, many;

    commit_begin(fixture, &empty);
    some = commit_many(fixture, LIMIT_COMMIT_CHANGES / 4);
    commit_begin(fixture, &empty);
    many = commit_many(fixture, LIMIT_COMMIT_CHANGES);
    print_message("%u for a quarter, %u for all\n", some, many);
    assert_in_range(many, some * 3, some * 6);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_scenario, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_modes, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_preconditions, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_keeps_the_public_half, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_limits, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_links, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_each_call_fails_once, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_the_disk_is_full, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_no_exchange, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_killed_at_each_call, commit_set_up, commit_tear_down),
        cmocka_unit_test_setup_teardown(test_recovery_killed_at_each_call, commit_set_up,
                                        commit_tear_down),
        cmocka_unit_test_setup_teardown(test_work_grows_with_the_changes, commit_set_up,
                                        commit_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
