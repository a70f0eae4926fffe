/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/store/rollback.c on a disk that is full or broken: whichever call fails, in a change
 * of the store or in the increment after it, the host is not locked out. It goes on as soon as the
 * disk does, and an older copy is noticed then.
 */

#include "commit_fixture.h"
#include "rollback_fixture.h"

#include <errno.h>

/* The value of a credential after a change, and the increment of the counter. */
static int change_and_count(const Fixture *fixture)
{
    int r = change(fixture, "web@a", "new");

    return r == 0 ? advance(fixture, count) : r;
}

/* No call of these may be taken for a rollback, neither while the disk is broken. */
static void expect_not_noticed(Fixture *fixture, unsigned call)
{
    RollbackVerdict how;
    int r = verdict(fixture, &how);

    if (r == OUTCOME_ROLLED_BACK)
        fail_msg("call %u: %s", call, fixture->reason.text);
}

static void expect_goes_on(Fixture *fixture, unsigned call)
{
    RollbackVerdict how;

    if (verdict(fixture, &how) != 0)
        fail_msg("call %u, and a disk that is well again: %s", call, fixture->reason.text);
    assert_int_equal(change(fixture, "web@b", "more"), 0);
    assert_int_equal(advance(fixture, count), 0);
    expect_well(fixture);
    assert_int_equal(change(fixture, "web@a", "newer"), 0);
    assert_int_equal(advance(fixture, count), 0);
    expect_well(fixture);
    restore(fixture, "store");
    restore(fixture, "rollback");
    expect_noticed(fixture, "an older copy");
}

/* False if there is no such call. */
static bool fail_at(unsigned call, int error, unsigned *failed)
{
    Fixture fixture;
    bool reached;
    int r;

    begin(&fixture);
    assert_int_equal(change(&fixture, "web@a", "old"), 0);
    turn_on(&fixture);
    copy_aside(&fixture);
    commit_calls = 0;
    commit_fail_at = call;
    commit_errno = error;
    r = change_and_count(&fixture);
    reached = commit_calls >= call;
    if (error == ENOSPC)
        expect_not_noticed(&fixture, call); /* it still has no room */
    commit_fail_at = 0;
    assert_true(reached || r == 0);
    *failed += r != 0;
    expect_goes_on(&fixture, call);
    test_folder_remove(&fixture.folder);
    return reached;
}

static void test_writes_fail(void **state)
{
    static const int errors[] = {EIO, ENOSPC};

    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        unsigned calls = 0, failed = 0;

        while (fail_at(calls + 1, errors[i], &failed))
            calls++;
        print_message("%s at %u calls, of which %u failed the change or the increment\n",
                      strerrorname_np(errors[i]), calls, failed);
        assert_true(failed > 0);
    }
}

/* A disk that cannot be read at the broker's start is an error of its own, and no rollback. */
static void test_reads_fail(void **state)
{
    Fixture fixture;
    bool reached = true;
    unsigned failed = 0;

    (void)state;
    begin(&fixture);
    turn_on(&fixture);
    assert_int_equal(change(&fixture, "web@a", "one"), 0);
    for (unsigned call = 1; reached; call++) {
        RollbackVerdict how;
        int r;

        commit_calls = 0;
        commit_fail_at = call;
        commit_errno = EIO;
        r = verdict(&fixture, &how);
        reached = commit_calls >= call;
        commit_fail_at = 0;
        if (r == OUTCOME_ROLLED_BACK)
            fail_msg("call %u: %s", call, fixture.reason.text);
        failed += r != 0;
    }
    assert_true(failed > 5);
    expect_well(&fixture);
    test_folder_remove(&fixture.folder);
}

/* Turning it on fails, and can be repeated. */
static void test_turning_on_fails(void **state)
{
    (void)state;
    for (unsigned call = 1;; call++) {
        bool reached;
        Fixture fixture;
        RollbackVerdict how;
        int r;

        begin(&fixture);
        assert_int_equal(change(&fixture, "web@a", "old"), 0);
        commit_calls = 0;
        commit_fail_at = call;
        commit_errno = EIO;
        r = rollback_make(&fixture.context, fixture.store, NULL);
        if (r == 0)
            r = rollback_take(fixture.store, TPM_COUNTER_DEFAULT, counter_value(&fixture), TEST_NOW,
                              &fixture.reason);
        reached = commit_calls >= call;
        commit_fail_at = 0;
        assert_true(reached || r == 0);
        turn_on(&fixture);
        assert_int_equal(verdict(&fixture, &how), 0);
        test_folder_remove(&fixture.folder);
        if (!reached)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_fail),
        cmocka_unit_test(test_reads_fail),
        cmocka_unit_test(test_turning_on_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
