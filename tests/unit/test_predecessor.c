/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of a whole broker with a credential that was resealed for other PCR values
 * (store/history.h): which of the two files it opens, and when only one is left.
 */

#include "control_calls.h"

#include "base/base64.h"
#include "credential/format.h"
#include "store/history.h"

#include <string.h>

#define OLD_KEY 1U
#define NEW_KEY 2U

static const sd_id128_t boot = {.bytes = {1, 2, 3}}, next_boot = {.bytes = {1, 2, 4}};

static const char *history_file(const BrokerFixture *broker)
{
    return test_path(&broker->folder, "store/web/x.old");
}

/* Stores web@x for the PCR values of NEW_KEY, with the predecessor OLD, which has the key OLD_KEY.
 */
static void reseal(BrokerFixture *broker, const SealedFile *old)
{
    _cleanup_(store_history_done) StoreHistory history = {0};
    _cleanup_(bytes_done) Bytes file = {0}, raw = {0}, text = {0};

    broker_seal_with(broker, old, OLD_KEY);
    raw = test_read_file(broker_file(broker, old->machine, old->id));
    assert_int_equal(credential_encode(bytes_view(&raw), &file), 0);
    broker_seal_with(broker, &(SealedFile){"web", "x", KIND_TPM, 31, NULL, 0}, NEW_KEY);
    store_history_add_predecessor(&history, boot, &file);
    assert_int_equal(store_history_format(&history, &text), 0);
    test_write_file(history_file(broker), bytes_view(&text), 0640);
}

/* A broker in BOOT, with web@x and its predecessor, whose TPM fails with RC for KEY. */
static BrokerFixture *start(sd_id128_t in_boot, int rc, unsigned key)
{
    BrokerFixture *broker = broker_new();

    reseal(broker, &(SealedFile){"web", "x", KIND_TPM, 31, NULL, 0});
    broker->config.boot = in_boot;
    broker->shared->tpm_rc = rc;
    broker->shared->tpm_rc_key = key;
    broker_start(broker);
    return broker;
}

static void wait_for_settled(const BrokerFixture *broker)
{
    for (unsigned i = 0; i < 20000 && access(history_file(broker), F_OK) == 0; i++)
        wait_msec(1);
    assert_int_equal(access(history_file(broker), F_OK), -1);
}

/* In the boot of the reseal each may be the right one, until the next boot. */
static void test_either_opens(void **state)
{
    const sd_id128_t boots[] = {boot, SD_ID128_NULL};

    (void)state;
    for (size_t i = 0; i < COUNT(boots); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker =
            start(boots[i], OUTCOME_TPM_PCR_MISMATCH, NEW_KEY);

        for (unsigned n = 0; n < 4; n++) {
            broker->shared->tpm_rc_key = n % 2 ? OLD_KEY : NEW_KEY;
            assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        }
        assert_int_equal(broker_stop(broker), 0);
        assert_int_equal(access(history_file(broker), F_OK), 0);
    }
}

/* After the next boot the one that opens stays. */
static void test_settles(void **state)
{
    static const unsigned closed[] = {OLD_KEY, NEW_KEY};

    (void)state;
    for (size_t i = 0; i < COUNT(closed); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker =
            start(next_boot, OUTCOME_TPM_PCR_MISMATCH, closed[i]);

        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        wait_for_settled(broker);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
        assert_int_equal(broker_stop(broker), 0);

        broker->shared->tpm_rc_key = closed[!i];
        broker_start(broker);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
        assert_int_equal(broker_stop(broker), 0);
        assert_int_equal(broker_records(broker, "refused tpm-pcr-mismatch"), 1);
    }
}

/* No other failure leads to the predecessor. */
static void test_other_failures(void **state)
{
    static const int failures[] = {OUTCOME_TPM_FAILED, OUTCOME_TPM_UNREACHABLE, OUTCOME_TPM_FOREIGN,
                                   OUTCOME_TPM_LOCKOUT, OUTCOME_TPM_NO_SIGNATURE};
    _cleanup_(broker_freep) BrokerFixture *broker = start(boot, 0, NEW_KEY);

    (void)state;
    for (size_t i = 0; i < COUNT(failures); i++) {
        broker->shared->tpm_rc = failures[i];
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    }
    assert_int_equal(broker->shared->tpm_begun, COUNT(failures));
}

/* A file put in place of the predecessor has to pass the same checks as one in the store. */
static void test_foreign_predecessor(void **state)
{
    static const struct {
        SealedFile file;
        const char *record;
    } rows[] = {
        {{"db", "x", KIND_TPM, 31, NULL, 0}, "refused name-mismatch"},
        {{"web", "y", KIND_TPM, 31, NULL, 0}, "refused name-mismatch"},
        {{"web", "x", KIND_TPM, 31, "", 0}, "refused name-mismatch"},
        {{"web", "x", 0, 31, NULL, 0}, "refused unprotected"},
        {{"web", "x", KIND_TPM, 31, NULL, TEST_NOW - 1}, "refused expired"},
        {{"web", "x", KIND_TPM, 0, NULL, 0}, "refused empty"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(broker_freep) BrokerFixture *broker =
            start(next_boot, OUTCOME_TPM_PCR_MISMATCH, NEW_KEY);

        reseal(broker, &rows[i].file);
        assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
        assert_int_equal(broker_stop(broker), 0);
        if (broker_records(broker, rows[i].record) != 1)
            fail_msg("row %zu: no record \"%s\"", i, rows[i].record);
        assert_int_equal(access(history_file(broker), F_OK), 0);
    }
}

/* If neither opens, the TPM has tried both, once. */
static void test_neither_opens(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker = start(next_boot, OUTCOME_TPM_PCR_MISMATCH, 0);

    (void)state;
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_REFUSED);
    assert_int_equal(broker->shared->tpm_begun, 2);
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(broker_records(broker, "refused tpm-pcr-mismatch"), 1);
}

static int take_reply(void *userdata, struct json_object *reply)
{
    *(struct json_object **)userdata = json_object_get(member(reply, "credential"));
    return 0;
}

static void expect_checked(const BrokerFixture *broker, struct json_object *parameters,
                           const char *outcome)
{
    _cleanup_(client_freep) Client *client = connect_to(broker);
    _cleanup_(json_object_putp) struct json_object *checked = NULL;

    assert_int_equal(client_observe(client, "Check", parameters, take_reply, &checked, NULL, NULL),
                     0);
    expect_text(checked, "outcome", outcome);
}

/* List says so until it is settled. */
static void test_list(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker =
        start(next_boot, OUTCOME_TPM_PCR_MISMATCH, NEW_KEY);
    _cleanup_(json_object_putp) struct json_object *before = list_of(broker, "web"), *after = NULL;

    (void)state;
    assert_true(varlink_flag(json_object_array_get_idx(before, 0), "predecessor"));
    assert_int_equal(client_ask(broker, "web", "x", 31), ANSWER_RIGHT);
    wait_for_settled(broker);
    after = list_of(broker, "web");
    assert_false(varlink_flag(json_object_array_get_idx(after, 0), "predecessor"));
}

/* A check opens the same, and changes nothing; a file that is to be stored has no predecessor. */
static void test_checks(void **state)
{
    _cleanup_(broker_freep) BrokerFixture *broker =
        start(next_boot, OUTCOME_TPM_PCR_MISMATCH, NEW_KEY);

    (void)state;
    expect_checked(broker, named("web", "x"), "ok");
    expect_checked(broker, with_file("x", broker_file(broker, "web", "x")), "tpm-pcr-mismatch");
    assert_int_equal(broker_stop(broker), 0);
    assert_int_equal(access(history_file(broker), F_OK), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_either_opens),   cmocka_unit_test(test_settles),
        cmocka_unit_test(test_other_failures), cmocka_unit_test(test_foreign_predecessor),
        cmocka_unit_test(test_neither_opens),  cmocka_unit_test(test_checks),
        cmocka_unit_test(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
