/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/seal/unsealer.c: how often the TPM is used, and what is refused. */

#include "seal_fixture.h"

#define UNSEAL "the TPM to unseal a key for web@x;"

static int open_as(Unsealer *unsealer, const Sample *sample, const char *name)
{
    _cleanup_(secret_freep) Secret *value = NULL;
    CredentialMetadata metadata;

    return unsealer_open(unsealer, &sample->sections, name, NULL, &metadata, &value);
}

static void test_each_key_once(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(unsealer_done) Unsealer unsealer = fixture_unsealer(fixture);
    _cleanup_(sample_done) Sample sample = {0};

    fixture_sample(fixture, &spec, &sample);
    for (int i = 0; i < 3; i++)
        assert_int_equal(open_as(&unsealer, &sample, "web@x"), 0);
    assert_string_equal(fixture->waits, UNSEAL);
}

/* A failure is remembered, too, and does not prevent others from opening. */
static void test_each_failure_once(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(unsealer_done) Unsealer unsealer = fixture_unsealer(fixture);
    _cleanup_(sample_done) Sample other = {0}, bound = {0};

    fixture_sample(fixture, &spec, &other);
    spec.has_pcrs = true;
    spec.pcrs.mask = 1 << 7;
    fixture_sample(fixture, &spec, &bound);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(open_as(&unsealer, &bound, "web@x"), OUTCOME_TPM_PCR_MISMATCH);
    assert_string_equal(fixture->waits, UNSEAL);
    assert_int_equal(open_as(&unsealer, &other, "web@x"), 0);
}

static void test_rules(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_HOST, 257);
    uint64_t now = fixture->context.now(&fixture->context);
    const struct {
        const char *rule, *name;
        uint64_t now;
        int outcome;
    } rows[] = {
        {"it is what it is called", "web@x", 0, 0},
        {"whatever it is called", NULL, 0, 0},
        {"another name", "web@y", 0, OUTCOME_NAME_MISMATCH},
        {"later", "web@x", now + 2000000000, OUTCOME_EXPIRED},
        {"at any time", "web@x", USEC_INFINITY, 0},
    };
    _cleanup_(sample_done) Sample sample = {0}, null = {0};
    _cleanup_(unsealer_done) Unsealer unsealer = fixture_unsealer(fixture);

    spec.has_not_after = true;
    spec.not_after = now + 1000000000;
    fixture_sample(fixture, &spec, &sample);
    for (size_t i = 0; i < COUNT(rows); i++) {
        unsealer.spec.now = rows[i].now;
        if (open_as(&unsealer, &sample, rows[i].name) != rows[i].outcome)
            fail_msg("%s", rows[i].rule);
    }
    unsealer.spec.now = 0;
    spec = fixture_spec(fixture, 0, 257);
    fixture_sample(fixture, &spec, &null);
    assert_int_equal(open_as(&unsealer, &null, "web@x"), OUTCOME_UNPROTECTED);
    unsealer.spec.allow_null = true;
    assert_int_equal(open_as(&unsealer, &null, "web@x"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_key_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_failure_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rules, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
