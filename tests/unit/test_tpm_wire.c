/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm with a tap on the wire to a software TPM: what crosses it, what it costs, and
 * what is left in the TPM and in memory when a command fails, an answer is changed or a PCR
 * changes.
 */

#include "tpm_fixture.h"

static void test_the_key_never_crosses_in_clear(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, pinned = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *pinned_key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(7), &sealed, &key);
    assert_unseals(fixture, &sealed, key);
    seal_pinned(fixture, 0, &pinned, &pinned_key);
    assert_unseals(fixture, &pinned, pinned_key);
    /* the tap does see the traffic: the policy is not secret */
    assert_true(tap_saw(bytes_view(&sealed.policy_hash)));
    assert_false(tap_saw(secret_view(key)));
    assert_false(tap_saw(secret_view(pinned_key)));
    /* not even half of it */
    assert_false(tap_saw((BytesView){secret_view(key).data, TPM_KEY_BYTES / 2}));
    assert_false(tap_saw((BytesView){secret_view(pinned_key).data, TPM_KEY_BYTES / 2}));
}

static void test_changed_answers_are_refused(void **state)
{
    static const uint32_t commands[] = {TPM2_CC_Create, TPM2_CC_PCR_Read, TPM2_CC_Unseal};
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(7), &sealed, &key);
    tap.fault = TAP_CHANGE;
    for (size_t i = 0; i < COUNT(commands); i++) {
        /* from the end: the HMAC, and part of the parameters */
        for (uint32_t offset = 0; offset < 60; offset += 7) {
            TpmSealed other = {0};
            Secret *other_key = NULL;
            int r;

            tap.fault_command = commands[i];
            tap.code = offset;
            if (commands[i] == TPM2_CC_Unseal)
                r = unseal(fixture, &sealed, NULL);
            else
                r = tpm_seal(fixture->tpm, &fixture->context,
                             &(TpmSealRequest){.pcrs.mask = MASK(7)}, NULL, &other, &other_key);
            assert_int_equal(r, OUTCOME_TPM_FAILED);
            assert_null(other_key);
            tap.count = 0;
        }
    }
}

/* A changed nonce gives the two ends different session keys. */
static void test_changed_session_is_no_password(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, other = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *other_key = NULL;
    Fixture *fixture = *state;

    seal(fixture, 0, &sealed, &key);
    tap.fault = TAP_CHANGE;
    tap.fault_command = TPM2_CC_StartAuthSession;
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_TPM_FAILED);
    assert_says(fixture, "the session");
    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &(TpmSealRequest){0},
                              &fixture->reason, &other, &other_key),
                     OUTCOME_TPM_FAILED);
    assert_says(fixture, "the session");
    assert_nothing_left(fixture);
}

/* Whether only the answer names the object that COMMAND has created in the TPM. */
static bool is_lost_with_answer(uint32_t command)
{
    return command == TPM2_CC_CreatePrimary || command == TPM2_CC_Load ||
           command == TPM2_CC_StartAuthSession;
}

/* Each command of an operation fails in turn, in each way: nothing must be left in the TPM. Failing
 * flushes are excepted, because they leave what they should have flushed. */
static void fail_each(Fixture *fixture, const TpmSealed *sealed, TapFault fault, uint32_t code,
                      int expected)
{
    TpmSealedView view = sealed ? tpm_sealed_view(sealed) : (TpmSealedView){0};
    unsigned commands = 1;

    for (unsigned i = 1; i <= commands; i++) {
        _cleanup_(tpm_sealed_done) TpmSealed other = {0};
        _cleanup_(secret_freep) Secret *key = NULL;
        int r;

        tap.count = 0;
        tap.fault = fault;
        tap.code = code;
        tap.fault_at = i;
        r = sealed
                ? tpm_unseal(fixture->tpm, &view, &fixture->reason, &key)
                : tpm_seal(fixture->tpm, &fixture->context, &(TpmSealRequest){.pcrs.mask = MASK(7)},
                           &fixture->reason, &other, &key);
        tap.fault = TAP_NO_FAULT;
        if (tap.commands[i - 1] == TPM2_CC_FlushContext)
            break;
        assert_int_equal(r, expected);
        assert_null(key);
        assert_null(other.blob.data);
        assert_in_range(swtpm_count_handles(fixture->swtpm), 0,
                        fault == TAP_LOSE && is_lost_with_answer(tap.commands[i - 1]));
        if (fault == TAP_LOSE)
            assert_int_equal(swtpm_restart(fixture->swtpm), 0);
        commands = i + 1;
    }
    assert_true(commands > 3);
    /* the object that the failed flush left */
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
}

static void test_every_failure_cleans_up(void **state)
{
    static const struct {
        TapFault fault;
        uint32_t code;
        int expected;
    } rows[] = {
        {TAP_ANSWER, TPM2_RC_OBJECT_MEMORY, OUTCOME_TPM_FULL},
        {TAP_ANSWER, TPM2_RC_LOCKOUT, OUTCOME_TPM_LOCKOUT},
        {TAP_ANSWER, TPM2_RC_CANCELED, OUTCOME_TPM_BUSY},
        {TAP_ANSWER, TPM2_RC_REFERENCE_H0, OUTCOME_TPM_RESET},
        {TAP_ANSWER, TPM2_RC_INITIALIZE, OUTCOME_TPM_NOT_STARTED},
        {TAP_ANSWER, TPM2_RC_FAILURE, OUTCOME_TPM_NEEDS_REBOOT},
        {TAP_BREAK, 0, OUTCOME_TPM_UNREACHABLE},
        {TAP_LOSE, 0, OUTCOME_TPM_UNREACHABLE},
    };
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, pinned = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *pinned_key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(7), &sealed, &key);
    seal_pinned(fixture, MASK(7), &pinned, &pinned_key);
    for (size_t i = 0; i < COUNT(rows); i++) {
        fail_each(fixture, NULL, rows[i].fault, rows[i].code, rows[i].expected);
        fail_each(fixture, &sealed, rows[i].fault, rows[i].code, rows[i].expected);
        fail_each(fixture, &pinned, rows[i].fault, rows[i].code, rows[i].expected);
    }
}

/* --- PCRs that change meanwhile --- */

typedef struct Meddler {
    Swtpm *swtpm;
    uint32_t command; /* the command before which a PCR is extended */
    unsigned pcr;
    int times;
} Meddler;

static void meddle(uint32_t command, void *data)
{
    Meddler *meddler = data;

    if (command != meddler->command || meddler->times == 0)
        return;
    meddler->times--;
    assert_int_equal(swtpm_extend(meddler->swtpm, meddler->pcr, "meddled"), 0);
}

static void test_other_pcr_changes_meanwhile(void **state)
{
    static const struct {
        unsigned pcr;
        int times, expected;
    } rows[] = {
        {8, 1, 0},
        {8, TPM_PCR_ATTEMPTS - 1, 0},
        {8, TPM_PCR_ATTEMPTS, OUTCOME_TPM_BUSY},
        {7, 1, OUTCOME_TPM_PCR_MISMATCH},
    };
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(7), &sealed, &key);
    for (size_t i = 0; i < COUNT(rows); i++) {
        Meddler meddler = {fixture->swtpm, TPM2_CC_Unseal, rows[i].pcr, rows[i].times};

        tap.before = meddle;
        tap.data = &meddler;
        tap.count = 0;
        assert_int_equal(unseal(fixture, &sealed, NULL), rows[i].expected);
    }
    tap.before = NULL;
}

static void test_pcr_changes_while_sealing(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;
    /* reading 24 PCRs takes three answers; this one changes between the first and the last */
    Meddler meddler = {fixture->swtpm, TPM2_CC_PCR_Read, 3, 3};

    tap.before = meddle;
    tap.data = &meddler;
    seal(fixture, TPM_PCR_MASK_ALL, &sealed, &key);
    tap.before = NULL;
    assert_unseals(fixture, &sealed, key);
}

/* --- what it costs --- */

static void assert_commands(const char *what, const uint32_t *expected, size_t count)
{
    print_message("%s: %u commands\n", what, tap.count);
    assert_int_equal(tap.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(tap.commands[i], expected[i]);
    tap.count = 0;
}

static void test_commands(void **state)
{
    static const uint32_t sealing[] = {TPM2_CC_CreatePrimary, TPM2_CC_StartAuthSession,
                                       TPM2_CC_PCR_Read, TPM2_CC_Create, TPM2_CC_FlushContext};
    static const uint32_t legacy[] = {
        TPM2_CC_CreatePrimary, TPM2_CC_Load,         TPM2_CC_StartAuthSession, TPM2_CC_PolicyPCR,
        TPM2_CC_Unseal,        TPM2_CC_FlushContext, TPM2_CC_FlushContext};
    static const uint32_t with_pcrs[] = {TPM2_CC_Load, TPM2_CC_StartAuthSession, TPM2_CC_PolicyPCR,
                                         TPM2_CC_Unseal, TPM2_CC_FlushContext};
    static const uint32_t without[] = {TPM2_CC_Load, TPM2_CC_StartAuthSession, TPM2_CC_Unseal,
                                       TPM2_CC_FlushContext};
    _cleanup_(tpm_sealed_done) TpmSealed first = {0}, sealed = {0}, pinned = {0}, unbound = {0};
    _cleanup_(secret_freep) Secret *first_key = NULL, *key = NULL, *pinned_key = NULL,
                                   *unbound_key = NULL;
    Fixture *fixture = *state;

    /* Once after a reset the TPM wants the command again: it records that the lockout is in use. */
    seal(fixture, 0, &first, &first_key);
    tap.count = 0;
    seal(fixture, MASK(7), &sealed, &key);
    assert_commands("seal", sealing, COUNT(sealing));
    assert_unseals(fixture, &sealed, key);
    assert_commands("unseal, legacy, PCRs", legacy, COUNT(legacy));
    seal_pinned(fixture, MASK(7), &pinned, &pinned_key);
    tap.count = 0;
    assert_unseals(fixture, &pinned, pinned_key);
    assert_commands("unseal, pinned, PCRs", with_pcrs, COUNT(with_pcrs));
    assert_int_equal(swtpm_remove_srk(fixture->swtpm), 0);
    seal_pinned(fixture, 0, &unbound, &unbound_key);
    tap.count = 0;
    assert_unseals(fixture, &unbound, unbound_key);
    assert_commands("unseal, pinned", without, COUNT(without));
}

/* --- what stays in memory --- */

#ifndef __SANITIZE_ADDRESS__
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#endif

/* Counts how often BYTES occur in writable memory besides BYTES itself. */
static unsigned count_copies(BytesView bytes)
{
    _cleanup_(fclosep) FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], permissions[8];
    uintptr_t begin, end;
    unsigned copies = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps)) {
        const uint8_t *cursor;

        assert_int_equal(sscanf(line, "%lx-%lx %7s", &begin, &end, permissions), 3);
        if (strncmp(permissions, "rw", 2) != 0)
            continue;
        for (cursor = (const uint8_t *)begin;
             (cursor = memmem(cursor, end - (uintptr_t)cursor, bytes.data, bytes.size)); cursor++)
            if (cursor != bytes.data)
                copies++;
    }
    return copies;
}

static void test_no_copy_stays_in_memory(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *unsealed = NULL;
    Fixture *fixture = *state;
    TpmSealedView view;

#ifdef __SANITIZE_ADDRESS__
    test_skip("the sanitizer's shadow memory is too large to search");
#endif
    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context,
                              &(TpmSealRequest){.pcrs.mask = MASK(7)}, NULL, &sealed, &key),
                     0);
    assert_int_equal(count_copies(secret_view(key)), 0);
    view = tpm_sealed_view(&sealed);
    assert_int_equal(tpm_unseal(fixture->tpm, &view, NULL, &unsealed), 0);
    assert_true(secret_equal(key, unsealed));
    key = secret_free(key);
    assert_int_equal(count_copies(secret_view(unsealed)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_the_key_never_crosses_in_clear),
        with_tpm(test_changed_answers_are_refused),
        with_tpm(test_changed_session_is_no_password),
        with_tpm(test_every_failure_cleans_up),
        with_tpm(test_other_pcr_changes_meanwhile),
        with_tpm(test_pcr_changes_while_sealing),
        with_tpm(test_commands),
        with_tpm(test_no_copy_stays_in_memory),
    };

    return run_with_swtpm(tests);
}
