/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of broker/courier: files for a later boot (docs/FLEET.md).
 */

#include "offer_fixture.h"

#include "store/history.h"

#include <string.h>

/* Whether the report about the accepted set says that a file is pending. */
static bool reports_pending(const Fleet *fleet, Set *set)
{
    _cleanup_(client_freep) Client *client = courier_of(fleet);
    _cleanup_(bytes_done) Bytes bundle = bundle_of(fleet, set, fleet->secret);
    _cleanup_(json_object_putp) struct json_object *reply = NULL;

    assert_int_equal(offer(fleet, client, bytes_view(&bundle)), 0);
    assert_int_equal(call_courier(client, "Commit", NULL, (BytesView){0}, NULL, &reply), 0);
    return report_in(fleet, reply).pending;
}

/* The set SEQUENCE with a, sealed with KEY for a later boot. Its SIZE makes its value. */
static Set pending_set(Fleet *fleet, uint64_t sequence, size_t size, unsigned key)
{
    Set set = set_of(fleet, sequence, both, 1, key);

    put_file(fleet, &set, 0, "a", size, key);
    set.credentials[0].pending = true;
    return set;
}

/* Another broker, without any key in its cache. The TPM opens KEY alone, and fails with RC for all
 * others. */
static void boot(const Fleet *fleet, int rc, unsigned key)
{
    assert_int_equal(broker_stop(fleet->broker), 0);
    fleet->broker->shared->tpm_open_key = key;
    fleet->broker->shared->tpm_rc = rc;
    broker_start(fleet->broker);
}

/* Brings SET, after which the value with SIZE is delivered, which came with sequence SINCE. */
static void carry_pending(Fleet *fleet, Set *set, size_t size, const char *since, Set *const *sets,
                          size_t count)
{
    assert_int_equal(carry(fleet, set), 0);
    assert_int_equal(accepted(fleet), set->statement.sequence);
    assert_int_equal(client_ask(fleet->broker, "web", "a", size), ANSWER_RIGHT);
    assert_string_equal(changes_of(fleet, sets, count), since);
}

/* The next boot's file is beside the one that opens now, and is tried first. */
static void test_pending_beside_another(void **state)
{
    static const int outcomes[] = {OUTCOME_TPM_PCR_MISMATCH, OUTCOME_TPM_NO_SIGNATURE};

    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
        _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                                next = pending_set(fleet, 8, 32, 2),
                                other = pending_set(fleet, 10, 33, 3),
                                opened = pending_set(fleet, 12, 33, 4);
        Set *sets[] = {&first, &next, &other, &opened};

        boot(fleet, outcomes[i], 1);
        carry_pending(fleet, &first, 31, "a7", sets, COUNT(sets));
        assert_false(reports_pending(fleet, &first));
        carry_pending(fleet, &next, 31, "a7", sets, COUNT(sets));
        assert_true(reports_pending(fleet, &next));
        boot(fleet, outcomes[i], 2);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 32), ANSWER_RIGHT);
        boot(fleet, outcomes[i], 1);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
        /* the next set has the same file, which is tried again */
        next.statement.sequence = 9;
        carry_pending(fleet, &next, 31, "a7", sets, 1);
        /* or another one: what opens now stays */
        carry_pending(fleet, &other, 31, "a7", sets, COUNT(sets));
        boot(fleet, outcomes[i], 3);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 33), ANSWER_RIGHT);
        /* it has opened: with the next set the one before goes */
        other.statement.sequence = 11;
        assert_int_equal(carry(fleet, &other), 0);
        assert_false(reports_pending(fleet, &other));
        boot(fleet, outcomes[i], 1);
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
        /* sealed for what is now: the same value as the one that was pending */
        boot(fleet, outcomes[i], 3);
        fleet->broker->shared->tpm_rc = 0;
        carry_pending(fleet, &opened, 33, "a7", sets, COUNT(sets));
        assert_false(reports_pending(fleet, &opened));
    }
}

/* A value is compared with what is served while the file is pending. */
static void test_pending_value(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                            next = pending_set(fleet, 8, 32, 2),
                            same = pending_set(fleet, 9, 31, 3),
                            different = pending_set(fleet, 10, 33, 4);
    Set *sets[] = {&first, &next, &same, &different};

    (void)state;
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    carry_pending(fleet, &first, 31, "a7", sets, COUNT(sets));
    carry_pending(fleet, &next, 31, "a7", sets, COUNT(sets));
    fleet->broker->shared->tpm_rc_key = 2;
    carry_pending(fleet, &same, 31, "a7", sets, COUNT(sets));
    carry_pending(fleet, &different, 33, "a10", sets, COUNT(sets));
}

/* Nothing but the state of the next boot is a reason for that. */
static void test_pending_and_another_failure(void **state)
{
    static const int failures[] = {OUTCOME_TPM_FAILED, OUTCOME_TPM_UNREACHABLE, OUTCOME_TPM_FOREIGN,
                                   OUTCOME_TPM_LOCKOUT};
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                            next = pending_set(fleet, 8, 32, 2),
                            last = pending_set(fleet, 9, 33, 3),
                            plain = pending_set(fleet, 20, 33, 3);

    (void)state;
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    assert_int_equal(carry(fleet, &first), 0);
    assert_int_equal(carry(fleet, &next), 0);
    for (size_t i = 0; i < COUNT(failures); i++) {
        boot(fleet, failures[i], 1);
        last.statement.sequence++;
        assert_int_equal(carry(fleet, &last), failures[i]);
        assert_int_equal(accepted(fleet), 8);
        /* nor is the one before delivered then */
        assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    }
    /* and the signers must have said so */
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    plain.credentials[0].pending = false;
    assert_int_equal(carry(fleet, &plain), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(accepted(fleet), 8);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
}

/* Only the file that was served before is delivered meanwhile, and only while it is the same set.
 */
static void test_pending_and_a_foreign_file(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set first = set_of(fleet, 7, both, 1, 1),
                            next = pending_set(fleet, 8, 32, 2),
                            foreign = set_of(fleet, 9, both, 1, 1);
    const char *file = test_path(&fleet->broker->folder, "fleet/prod/web/a.old");
    _cleanup_(store_history_done) StoreHistory history = {.count = 2};
    _cleanup_(bytes_done) Bytes text = {0};
    char path[PATH_MAX];

    (void)state;
    snprintf(path, sizeof(path), "%s", file);
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 1);
    assert_int_equal(carry(fleet, &first), 0);
    assert_int_equal(carry(fleet, &next), 0);
    history.values[0].uid = history.values[1].uid = 0;
    assert_int_equal(bytes_dup(bytes_view(&foreign.files[0]), &history.values[1].sealed), 0);
    assert_int_equal(store_history_format(&history, &text), 0);
    test_write_file(path, bytes_view(&text), 0640);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
}

/* Without anything that opens now there is nothing to keep. */
static void test_pending(void **state)
{
    _cleanup_(fleet_freep) Fleet *fleet = fleet_new();
    _cleanup_(set_done) Set set = set_of(fleet, 7, both, 2, 1), next = set_of(fleet, 8, both, 2, 2);

    (void)state;
    set.credentials[0].pending = set.credentials[1].pending = true;
    next.credentials[0].pending = next.credentials[1].pending = true;
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 3);
    assert_int_equal(carry(fleet, &set), 0);
    assert_int_equal(accepted(fleet), 7);
    assert_true(reports_pending(fleet, &set));
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_REFUSED);
    assert_int_equal(carry(fleet, &next), 0);
    assert_int_equal(accepted(fleet), 8);
    boot(fleet, OUTCOME_TPM_PCR_MISMATCH, 2);
    assert_int_equal(client_ask(fleet->broker, "web", "a", 31), ANSWER_RIGHT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pending),
        cmocka_unit_test(test_pending_beside_another),
        cmocka_unit_test(test_pending_value),
        cmocka_unit_test(test_pending_and_another_failure),
        cmocka_unit_test(test_pending_and_a_foreign_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
