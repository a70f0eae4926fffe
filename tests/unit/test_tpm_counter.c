/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/counter.h with a software TPM: that a counter only goes up, whatever happens to
 * it, how many commands its use takes, and what each hardship is called.
 */

#include "swtpm_hardships.h"
#include "tpm_fixture.h"

#include "tpm/counter.h"

#include <errno.h>

#define INDEX        TPM_COUNTER_DEFAULT
#define COUNTER_BITS (TPMA_NV)(TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT)
#define _connected_  __attribute__((cleanup(swtpm_disconnect)))

static uint64_t ensure(Fixture *fixture)
{
    uint64_t value = 0;

    assert_int_equal(tpm_counter_ensure(fixture->tpm, INDEX, &fixture->reason, &value), 0);
    assert_nothing_left(fixture);
    return value;
}

static uint64_t read_counter(Fixture *fixture)
{
    uint64_t value = 0;

    assert_int_equal(tpm_counter_read(fixture->tpm, INDEX, &fixture->reason, &value), 0);
    assert_nothing_left(fixture);
    return value;
}

static void increment(Fixture *fixture)
{
    assert_int_equal(tpm_counter_increment(fixture->tpm, INDEX, &fixture->reason), 0);
    assert_nothing_left(fixture);
}

/* A fault must not touch the value. */
static void expect_read(Fixture *fixture, int expected, const char *words)
{
    uint64_t value = 77;

    fixture->reason = (Reason){0};
    assert_int_equal(tpm_counter_read(fixture->tpm, INDEX, &fixture->reason, &value), expected);
    assert_int_equal(value, 77);
    assert_says(fixture, words);
}

/* Defines an index of another program's. */
static void define(Fixture *fixture, TPMA_NV attributes, TPM2_ALG_ID hash, UINT16 size)
{
    static const TPM2B_AUTH no_password = {0};
    const TPM2B_NV_PUBLIC area = {
        .nvPublic = {.nvIndex = INDEX, .nameAlg = hash, .attributes = attributes, .dataSize = size},
    };
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR index;

    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    assert_int_equal(Esys_NV_DefineSpace(connection.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &area, &index),
                     TSS2_RC_SUCCESS);
}

static void undefine(Fixture *fixture)
{
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR index;

    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    assert_int_equal(Esys_TR_FromTPMPublic(connection.esys, INDEX, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, &index),
                     TSS2_RC_SUCCESS);
    assert_int_equal(Esys_NV_UndefineSpace(connection.esys, ESYS_TR_RH_OWNER, index,
                                           ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                     TSS2_RC_SUCCESS);
}

static void test_counts(void **state)
{
    Fixture *fixture = *state;
    uint64_t value = ensure(fixture);

    assert_true(value > 0);
    assert_int_equal(ensure(fixture), value); /* it is there */
    for (unsigned i = 0; i < 3; i++) {
        increment(fixture);
        assert_int_equal(read_counter(fixture), ++value);
    }
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    assert_int_equal(read_counter(fixture), value);
}

static void test_attributes(void **state)
{
    _connected_ SwtpmConnection connection = {0};
    Fixture *fixture = *state;
    TPM2B_NV_PUBLIC *area;
    ESYS_TR index;

    ensure(fixture);
    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    assert_int_equal(Esys_TR_FromTPMPublic(connection.esys, INDEX, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, &index),
                     TSS2_RC_SUCCESS);
    assert_int_equal(Esys_NV_ReadPublic(connection.esys, index, ESYS_TR_NONE, ESYS_TR_NONE,
                                        ESYS_TR_NONE, &area, NULL),
                     TSS2_RC_SUCCESS);
    assert_int_equal(area->nvPublic.attributes, COUNTER_BITS | TPMA_NV_NO_DA | TPMA_NV_AUTHREAD |
                                                    TPMA_NV_AUTHWRITE | TPMA_NV_WRITTEN);
    assert_int_equal(area->nvPublic.authPolicy.size, 0);
    Esys_Free(area);
}

/* Neither way to get rid of a counter winds it back. */
static void test_never_back(void **state)
{
    Fixture *fixture = *state;
    uint64_t value;

    ensure(fixture);
    increment(fixture);
    value = read_counter(fixture);
    assert_int_equal(tpm_counter_remove(fixture->tpm, INDEX, &fixture->reason), 0);
    expect_read(fixture, OUTCOME_TPM_NO_COUNTER, "0x01804e43");
    assert_int_equal(tpm_counter_remove(fixture->tpm, INDEX, &fixture->reason), 0);
    assert_true(ensure(fixture) > value);
    value = read_counter(fixture);
    assert_int_equal(hardship_clear(fixture->swtpm), 0);
    expect_read(fixture, OUTCOME_TPM_NO_COUNTER, "cleared or replaced");
    assert_int_equal(tpm_counter_increment(fixture->tpm, INDEX, &fixture->reason),
                     OUTCOME_TPM_NO_COUNTER);
    assert_true(ensure(fixture) > value);
}

static void test_two_commands(void **state)
{
    Fixture *fixture = *state;

    ensure(fixture);
    tap.count = 0;
    increment(fixture);
    assert_int_equal(tap.count, 2);
    assert_int_equal(tap.commands[1], TPM2_CC_NV_Increment);
    tap.count = 0;
    read_counter(fixture);
    assert_int_equal(tap.count, 2);
    assert_int_equal(tap.commands[1], TPM2_CC_NV_Read);
}

/* Whatever else is at the index is neither used nor removed. */
static void test_taken(void **state)
{
    static const struct {
        TPMA_NV attributes;
        TPM2_ALG_ID hash;
        UINT16 size;
    } rows[] = {
        /* no counter */
        {TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA, TPM2_ALG_SHA256, 8},
        /* counts failures towards the lockout */
        {COUNTER_BITS | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE, TPM2_ALG_SHA256, 8},
        /* jumps ahead after a crash */
        {COUNTER_BITS | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA | TPMA_NV_ORDERLY,
         TPM2_ALG_SHA256, 8},
        {COUNTER_BITS | TPMA_NV_OWNERREAD | TPMA_NV_OWNERWRITE | TPMA_NV_NO_DA, TPM2_ALG_SHA256, 8},
        {COUNTER_BITS | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA, TPM2_ALG_SHA1, 8},
    };
    Fixture *fixture = *state;
    uint64_t value;

    for (size_t i = 0; i < COUNT(rows); i++) {
        define(fixture, rows[i].attributes, rows[i].hash, rows[i].size);
        expect_read(fixture, OUTCOME_TPM_NV_TAKEN, "tpm2_nvreadpublic 0x1804e43");
        assert_int_equal(tpm_counter_increment(fixture->tpm, INDEX, &fixture->reason),
                         OUTCOME_TPM_NV_TAKEN);
        assert_int_equal(tpm_counter_ensure(fixture->tpm, INDEX, &fixture->reason, &value),
                         OUTCOME_TPM_NV_TAKEN);
        assert_int_equal(tpm_counter_remove(fixture->tpm, INDEX, &fixture->reason),
                         OUTCOME_TPM_NV_TAKEN);
        undefine(fixture);
    }
}

/* Killed between its definition and its first increment. */
static void test_half_made(void **state)
{
    Fixture *fixture = *state;

    define(fixture, COUNTER_BITS | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA,
           TPM2_ALG_SHA256, 8);
    expect_read(fixture, OUTCOME_TPM_NO_COUNTER, "never incremented");
    assert_true(ensure(fixture) > 0);
    read_counter(fixture);
}

static void test_no_room(void **state)
{
    Fixture *fixture = *state;
    uint64_t value = 77;

    assert_int_equal(hardship_fill_indices(fixture->swtpm), 0);
    assert_int_equal(tpm_counter_ensure(fixture->tpm, INDEX, &fixture->reason, &value),
                     OUTCOME_TPM_NV_SPACE);
    assert_int_equal(value, 77);
    assert_says(fixture, "no room");
    assert_int_equal(hardship_remove_indices(fixture->swtpm), 0);
    ensure(fixture);
}

/* A counter that is there needs no owner, and no patience of the lockout's. */
static void test_passwords(void **state)
{
    Fixture *fixture = *state;
    uint64_t value = 77;

    assert_int_equal(hardship_owner_password(fixture->swtpm), 0);
    assert_int_equal(tpm_counter_ensure(fixture->tpm, INDEX, &fixture->reason, &value),
                     OUTCOME_TPM_PASSWORD);
    assert_int_equal(value, 77);
    assert_int_equal(hardship_no_owner_password(fixture->swtpm), 0);
    ensure(fixture);
    assert_int_equal(hardship_owner_password(fixture->swtpm), 0);
    increment(fixture);
    read_counter(fixture);
    assert_int_equal(tpm_counter_remove(fixture->tpm, INDEX, &fixture->reason),
                     OUTCOME_TPM_PASSWORD);
    assert_int_equal(hardship_no_owner_password(fixture->swtpm), 0);
    assert_int_equal(hardship_lockout(fixture->swtpm), 0);
    increment(fixture);
    read_counter(fixture);
    ensure(fixture);
    assert_int_equal(hardship_clear_lockout(fixture->swtpm), 0);
    assert_int_equal(hardship_owner_off(fixture->swtpm), 0);
    expect_read(fixture, OUTCOME_TPM_DISABLED, "switched off");
    assert_int_equal(hardship_owner_on(fixture->swtpm), 0);
    read_counter(fixture);
}

static void test_broken(void **state)
{
    Fixture *fixture = *state;
    uint64_t value;

    ensure(fixture);
    value = read_counter(fixture);
    tap.fault = TAP_LOSE;
    tap.fault_command = TPM2_CC_NV_Increment;
    tap.fault_times = 1;
    tap.faults = 0;
    assert_int_equal(tpm_counter_increment(fixture->tpm, INDEX, &fixture->reason),
                     OUTCOME_TPM_UNREACHABLE);
    tap.fault = TAP_NO_FAULT;
    assert_int_equal(read_counter(fixture), value + 1);
    assert_int_equal(hardship_gone(fixture->swtpm), 0);
    expect_read(fixture, OUTCOME_TPM_UNREACHABLE, "looking for the counter");
    assert_int_equal(hardship_back(fixture->swtpm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_counts),       with_tpm(test_attributes), with_tpm(test_never_back),
        with_tpm(test_two_commands), with_tpm(test_taken),      with_tpm(test_half_made),
        with_tpm(test_no_room),      with_tpm(test_passwords),  with_tpm(test_broken),
    };

    return run_with_swtpm(tests);
}
