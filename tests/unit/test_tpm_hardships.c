/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of what lib/tpm reports about a TPM in trouble. Each hardship is real where a software TPM
 * can have it, and otherwise an injected answer. It has an outcome of its own, the same for
 * unsealing, sealing and exporting; it leaves nothing in the TPM; and afterwards everything works
 * as before.
 */

#include "swtpm_hardships.h"
#include "tpm_fixture.h"

#include "tpm/tpm.h"

#include <time.h>

/* A TPM's return code for the parameter with this number. */
#define ABOUT(code, parameter) ((code) | TPM2_RC_P | (parameter)*TPM2_RC_1)

/* How long the tests let an operation wait for a busy TPM, µs. */
#define SHORT_PATIENCE_USEC    80000U

/* How often a command is sent at most: again during SHORT_PATIENCE_USEC, and by tpm2-tss after
 * that. */
#define RESENT_MAX             20U

/* --- operations --- */

typedef struct Sealed {
    TpmSealed legacy, pinned;
    Secret *legacy_key, *pinned_key;
} Sealed;

typedef enum Operation {
    UNSEAL_LEGACY,
    UNSEAL_PINNED,
    SEAL_LEGACY,
    SEAL_PINNED,
    EXPORT,
    _OPERATION_MAX,
} Operation;

static const char *const operation_names[_OPERATION_MAX] = {
    "unseal, legacy", "unseal, pinned", "seal, legacy", "seal, pinned", "export",
};

static void sealed_done(Sealed *sealed)
{
    tpm_sealed_done(&sealed->legacy);
    tpm_sealed_done(&sealed->pinned);
    secret_free(sealed->legacy_key);
    secret_free(sealed->pinned_key);
}

/* Both forms, for PCR 7. */
static void seal_both(Fixture *fixture, Sealed *ret)
{
    seal(fixture, MASK(7), &ret->legacy, &ret->legacy_key);
    seal_pinned(fixture, MASK(7), &ret->pinned, &ret->pinned_key);
}

static int unseal_and_compare(Fixture *fixture, const TpmSealed *sealed, const Secret *key)
{
    _cleanup_(secret_freep) Secret *unsealed = NULL;
    TpmSealedView view = tpm_sealed_view(sealed);
    int r = tpm_unseal(fixture->tpm, &view, &fixture->reason, &unsealed);

    assert_true((r == 0) == (unsealed != NULL));
    assert_true(r != 0 || secret_equal(unsealed, key));
    return r;
}

static int seal_and_forget(Fixture *fixture, bool pinned)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    int r = tpm_seal(fixture->tpm, &fixture->context,
                     &(TpmSealRequest){.pcrs.mask = MASK(7), .pinned = pinned}, &fixture->reason,
                     &sealed, &key);

    assert_true((r == 0) == (key != NULL) && (r == 0) == (sealed.blob.data != NULL));
    return r;
}

static int operate(Fixture *fixture, const Sealed *sealed, Operation operation)
{
    _cleanup_(tpm_export_done) TpmExport export = {0};

    tap.count = 0;
    tap.faults = 0;
    fixture->reason = (Reason){0};
    switch (operation) {
    case UNSEAL_LEGACY:
        return unseal_and_compare(fixture, &sealed->legacy, sealed->legacy_key);
    case UNSEAL_PINNED:
        return unseal_and_compare(fixture, &sealed->pinned, sealed->pinned_key);
    case SEAL_LEGACY:
    case SEAL_PINNED:
        return seal_and_forget(fixture, operation == SEAL_PINNED);
    default:
        return tpm_export(fixture->tpm, &fixture->reason, &export);
    }
}

static void expect(Fixture *fixture, const Sealed *sealed, Operation operation, int expected,
                   const char *rule)
{
    int r = operate(fixture, sealed, operation);

    if (r != expected)
        fail_msg("%s: %s: \"%s\" (%s), not \"%s\"", rule, operation_names[operation],
                 outcome_name(r), fixture->reason.text, outcome_name(expected));
    if (expected != 0 && !strchr(fixture->reason.text, ':') && expected != OUTCOME_TPM_UNABLE)
        fail_msg("%s: no reason but \"%s\"", rule, fixture->reason.text);
}

static void expect_all_well(Fixture *fixture, const Sealed *sealed, const char *rule)
{
    for (Operation i = 0; i < _OPERATION_MAX; i++)
        expect(fixture, sealed, i, 0, rule);
    assert_nothing_left(fixture);
}

/* --- hardships that last --- */

static void test_lasting(void **state)
{
    enum {
        LOCKOUT = OUTCOME_TPM_LOCKOUT,
        PASSWORD = OUTCOME_TPM_PASSWORD,
        DISABLED = OUTCOME_TPM_DISABLED,
        FULL = OUTCOME_TPM_FULL,
        NOT_STARTED = OUTCOME_TPM_NOT_STARTED,
        GONE = OUTCOME_TPM_UNREACHABLE,
        UNABLE = OUTCOME_TPM_UNABLE,
        NO_SRK = OUTCOME_TPM_NO_SRK,
    };
    static const struct {
        const char *name;
        int (*begin)(Swtpm *);
        int (*end)(Swtpm *);
        int expected[_OPERATION_MAX]; /* unseal legacy, pinned; seal legacy, pinned; export */
        const char *words;            /* for each operation that fails */
    } rows[] = {
        /* the storage root key and the object have noDA, so opening works */
        {"lockout",
         hardship_lockout,
         hardship_clear_lockout,
         {LOCKOUT, 0, LOCKOUT, 0, 0},
         "lockout is active"},
        {"owner's password",
         hardship_owner_password,
         hardship_no_owner_password,
         {PASSWORD, 0, PASSWORD, 0, PASSWORD},
         "password"},
        {"storage root key's password",
         hardship_srk_password,
         hardship_srk,
         {0, PASSWORD, 0, PASSWORD, 0},
         "password"},
        {"owner off",
         hardship_owner_off,
         hardship_owner_on,
         {DISABLED, DISABLED, DISABLED, DISABLED, DISABLED},
         "switched off"},
        {"no room for objects",
         hardship_fill_objects,
         hardship_flush_all,
         {FULL, FULL, FULL, FULL, FULL},
         "another object"},
        {"no room for sessions",
         hardship_fill_sessions,
         hardship_flush_all,
         {FULL, FULL, FULL, FULL, FULL},
         "another session"},
        {"no session handles",
         hardship_fill_saved_sessions,
         hardship_flush_all,
         {FULL, FULL, FULL, FULL, FULL},
         "session handles"},
        {"not started",
         hardship_reset,
         hardship_start_up,
         {NOT_STARTED, NOT_STARTED, NOT_STARTED, NOT_STARTED, NOT_STARTED},
         "TPM2_Startup"},
        {"no storage root key",
         hardship_no_srk,
         hardship_srk,
         {0, NO_SRK, 0, NO_SRK, 0},
         "0x81000001"},
        {"gone", hardship_gone, hardship_back, {GONE, GONE, GONE, GONE, GONE}, "connection"},
        /* sealing uses what the TPM has */
        {"no SHA-256",
         hardship_sha1_alone,
         hardship_banks,
         {UNABLE, UNABLE, 0, 0, 0},
         "PCR 7 in a bank of sha256"},
    };
    _cleanup_(sealed_done) Sealed sealed = {0};
    Fixture *fixture = *state;

    seal_both(fixture, &sealed);
    for (size_t i = 0; i < COUNT(rows); i++) {
        int handles;

        assert_int_equal(rows[i].begin(fixture->swtpm), 0);
        handles = swtpm_count_handles(fixture->swtpm);
        for (Operation j = 0; j < _OPERATION_MAX; j++) {
            expect(fixture, &sealed, j, rows[i].expected[j], rows[i].name);
            if (rows[i].expected[j] != 0)
                assert_says(fixture, rows[i].words);
            assert_int_equal(swtpm_count_handles(fixture->swtpm), handles);
        }
        assert_int_equal(rows[i].end(fixture->swtpm), 0);
        /* an unexpected reset counts as a wrong password */
        assert_int_equal(hardship_clear_lockout(fixture->swtpm), 0);
        expect_all_well(fixture, &sealed, rows[i].name);
    }
}

/* --- how it is --- */

static void test_health(void **state)
{
    Fixture *fixture = *state;
    TpmHealth health = {.locked_out = true, .failures = 77};

    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_false(health.locked_out);
    assert_int_equal(health.failures, swtpm_count_failures(fixture->swtpm));
    assert_true(health.failures_max > 0);
    assert_false(health.has_lockout_password || health.has_owner_password);
    assert_int_equal(hardship_owner_password(fixture->swtpm), 0);
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_true(!health.has_lockout_password && health.has_owner_password);
    assert_int_equal(hardship_no_owner_password(fixture->swtpm), 0);
    assert_int_equal(hardship_lockout_password(fixture->swtpm), 0);
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_true(health.has_lockout_password && !health.has_owner_password);
    assert_int_equal(hardship_no_lockout_password(fixture->swtpm), 0);
    assert_int_equal(hardship_lockout(fixture->swtpm), 0);
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_true(health.locked_out);
    assert_true(health.failures > 0);
    assert_int_equal(hardship_clear_lockout(fixture->swtpm), 0);
    assert_int_equal(hardship_gone(fixture->swtpm), 0);
    health.failures = 77;
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), OUTCOME_TPM_UNREACHABLE);
    assert_int_equal(health.failures, 77);
    assert_int_equal(hardship_back(fixture->swtpm), 0);
}

static void test_health_of_pcrs(void **state)
{
    Fixture *fixture = *state;
    TpmHealth health;

    assert_int_equal(swtpm_use_banks(fixture->swtpm, true, true), 0);
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_int_equal(health.pcr_bank, TPM_ALGORITHM_SHA256);
    assert_false(health.measured);
    assert_int_equal(swtpm_extend(fixture->swtpm, 4, "boot loader"), 0);
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_true(health.measured);
    assert_int_equal(swtpm_use_banks(fixture->swtpm, true, false), 0);
    assert_int_equal(tpm_health(fixture->tpm, &fixture->reason, &health), 0);
    assert_int_equal(health.pcr_bank, TPM_ALGORITHM_SHA1);
    assert_false(health.measured);
}

/* --- a reset in the middle --- */

typedef struct Resetter {
    Swtpm *swtpm;
    uint32_t command; /* the command before which the TPM is reset, once */
    bool start_up;
    bool done;
} Resetter;

static void reset_before(uint32_t command, void *data)
{
    Resetter *resetter = data;

    if (command != resetter->command || resetter->done)
        return;
    resetter->done = true;
    assert_int_equal(hardship_reset(resetter->swtpm), 0);
    if (resetter->start_up)
        assert_int_equal(hardship_start_up(resetter->swtpm), 0);
}

static void test_reset_in_the_middle(void **state)
{
    static const struct {
        Operation operation;
        uint32_t before;
        bool lost; /* by then an object is loaded that is still needed */
        bool late; /* the result has arrived already */
    } rows[] = {
        {UNSEAL_LEGACY, TPM2_CC_CreatePrimary, false, false},
        {UNSEAL_LEGACY, TPM2_CC_Load, true, false},
        {UNSEAL_LEGACY, TPM2_CC_StartAuthSession, true, false},
        {UNSEAL_LEGACY, TPM2_CC_PolicyPCR, true, false},
        {UNSEAL_LEGACY, TPM2_CC_Unseal, true, false},
        {UNSEAL_LEGACY, TPM2_CC_FlushContext, false, true},
        {UNSEAL_PINNED, TPM2_CC_Load, false, false},
        {UNSEAL_PINNED, TPM2_CC_StartAuthSession, true, false},
        {UNSEAL_PINNED, TPM2_CC_PolicyPCR, true, false},
        {UNSEAL_PINNED, TPM2_CC_Unseal, true, false},
        {UNSEAL_PINNED, TPM2_CC_FlushContext, false, true},
        {SEAL_LEGACY, TPM2_CC_CreatePrimary, false, false},
        {SEAL_LEGACY, TPM2_CC_StartAuthSession, true, false},
        {SEAL_LEGACY, TPM2_CC_PCR_Read, true, false},
        {SEAL_LEGACY, TPM2_CC_Create, true, false},
        {SEAL_LEGACY, TPM2_CC_FlushContext, false, true},
        {SEAL_PINNED, TPM2_CC_ReadPublic, false, false},
        {SEAL_PINNED, TPM2_CC_StartAuthSession, false, false},
        {SEAL_PINNED, TPM2_CC_PCR_Read, true, false},
        {SEAL_PINNED, TPM2_CC_Create, true, false},
        {EXPORT, TPM2_CC_CreatePrimary, false, false},
        {EXPORT, TPM2_CC_StartAuthSession, true, false},
        {EXPORT, TPM2_CC_PCR_Read, true, false},
        {EXPORT, TPM2_CC_FlushContext, false, true},
    };
    _cleanup_(sealed_done) Sealed sealed = {0};
    Fixture *fixture = *state;

    seal_both(fixture, &sealed);
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        size_t row = i / 2;
        Resetter resetter = {fixture->swtpm, rows[row].before, i % 2, false};
        int expected = resetter.start_up ? OUTCOME_TPM_RESET : OUTCOME_TPM_NOT_STARTED;

        if (rows[row].late || (resetter.start_up && !rows[row].lost))
            expected = 0;
        tap.before = reset_before;
        tap.data = &resetter;
        expect(fixture, &sealed, rows[row].operation, expected, "reset in the middle");
        tap.before = NULL;
        assert_true(resetter.done);
        if (!resetter.start_up)
            assert_int_equal(hardship_start_up(fixture->swtpm), 0);
        assert_int_equal(hardship_clear_lockout(fixture->swtpm), 0);
        assert_nothing_left(fixture);
        expect(fixture, &sealed, rows[row].operation, 0, "after the reset");
    }
}

/* --- what a chip says that a software TPM does not --- */

static void test_said_by_the_tpm(void **state)
{
    static const struct {
        const char *rule;
        Operation operation;
        uint32_t command, code;
        int expected;
        const char *words;
    } rows[] = {
        {"failure mode", UNSEAL_PINNED, TPM2_CC_Load, TPM2_RC_FAILURE, OUTCOME_TPM_NEEDS_REBOOT,
         "failure mode"},
        {"failure mode", SEAL_LEGACY, TPM2_CC_CreatePrimary, TPM2_RC_FAILURE,
         OUTCOME_TPM_NEEDS_REBOOT, "failure mode"},
        {"failure mode", EXPORT, TPM2_CC_ReadPublic, TPM2_RC_FAILURE, OUTCOME_TPM_NEEDS_REBOOT,
         "failure mode"},
        {"wants a reset", UNSEAL_LEGACY, TPM2_CC_Load, TPM2_RC_REBOOT, OUTCOME_TPM_NEEDS_REBOOT,
         "reset"},
        {"firmware upgrade", UNSEAL_LEGACY, TPM2_CC_CreatePrimary, TPM2_RC_UPGRADE,
         OUTCOME_TPM_NEEDS_REBOOT, "upgrade"},

        {"no P-256", UNSEAL_LEGACY, TPM2_CC_CreatePrimary, ABOUT(TPM2_RC_CURVE, 2),
         OUTCOME_TPM_UNABLE, "P-256"},
        {"no ECC", UNSEAL_LEGACY, TPM2_CC_CreatePrimary, ABOUT(TPM2_RC_VALUE, 2),
         OUTCOME_TPM_UNABLE, "P-256"},
        {"neither ECC nor RSA", SEAL_LEGACY, TPM2_CC_CreatePrimary, ABOUT(TPM2_RC_TYPE, 2),
         OUTCOME_TPM_UNABLE, "RSA-2048"},
        {"no AES-128-CFB", EXPORT, TPM2_CC_CreatePrimary, ABOUT(TPM2_RC_SYMMETRIC, 2),
         OUTCOME_TPM_UNABLE, "AES-128-CFB"},
        {"no AES-128-CFB", UNSEAL_PINNED, TPM2_CC_StartAuthSession, ABOUT(TPM2_RC_SYMMETRIC, 4),
         OUTCOME_TPM_UNABLE, "AES-128-CFB"},
        {"no AES-128-CFB", SEAL_PINNED, TPM2_CC_StartAuthSession, ABOUT(TPM2_RC_VALUE, 4),
         OUTCOME_TPM_UNABLE, "AES-128-CFB"},
        {"no SHA-256", EXPORT, TPM2_CC_StartAuthSession, ABOUT(TPM2_RC_HASH, 5), OUTCOME_TPM_UNABLE,
         "SHA-256"},
        {"no SHA-256", UNSEAL_PINNED, TPM2_CC_Load, ABOUT(TPM2_RC_HASH, 2), OUTCOME_TPM_UNABLE,
         "hash"},
        {"no PCRs that have a hash", SEAL_LEGACY, TPM2_CC_PCR_Read, ABOUT(TPM2_RC_HASH, 1),
         OUTCOME_TPM_UNABLE, "hash"},
        {"no PCRs in SHA-256", EXPORT, TPM2_CC_PCR_Read, ABOUT(TPM2_RC_HASH, 1), 0, ""},
        {"no such command", UNSEAL_LEGACY, TPM2_CC_PolicyPCR, TPM2_RC_COMMAND_CODE,
         OUTCOME_TPM_UNABLE, "command"},
        {"no such command, says the resource manager", UNSEAL_PINNED, TPM2_CC_Load,
         TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_COMMAND_CODE, OUTCOME_TPM_UNABLE, "command"},

        {"cancelled", UNSEAL_LEGACY, TPM2_CC_Unseal, TPM2_RC_CANCELED, OUTCOME_TPM_BUSY,
         "cancelled"},
        {"something else", UNSEAL_LEGACY, TPM2_CC_Unseal, ABOUT(TPM2_RC_VALUE, 1),
         OUTCOME_TPM_FAILED, "0x1c4"},
    };
    _cleanup_(sealed_done) Sealed sealed = {0};
    Fixture *fixture = *state;

    seal_both(fixture, &sealed);
    for (size_t i = 0; i < COUNT(rows); i++) {
        tap.fault = TAP_ANSWER;
        tap.fault_command = rows[i].command;
        tap.code = rows[i].code;
        expect(fixture, &sealed, rows[i].operation, rows[i].expected, rows[i].rule);
        assert_says(fixture, rows[i].words);
        assert_true(tap.faults > 0);
        tap.fault = TAP_NO_FAULT;
        assert_nothing_left(fixture);
        expect_all_well(fixture, &sealed, rows[i].rule);
    }
}

/* --- a TPM that has no time --- */

static const TSS2_RC busy_codes[] = {
    TPM2_RC_RETRY,   TPM2_RC_YIELDED,        TPM2_RC_TESTING,
    TPM2_RC_NV_RATE, TPM2_RC_NV_UNAVAILABLE, TSS2_RESMGR_TPM_RC_LAYER | TPM2_RC_RETRY,
};

/* The last command of each operation whose failure matters. */
static const uint32_t last_commands[_OPERATION_MAX] = {
    TPM2_CC_Unseal, TPM2_CC_Unseal, TPM2_CC_Create, TPM2_CC_Create, TPM2_CC_PCR_Read,
};

static void test_busy_for_a_moment(void **state)
{
    _cleanup_(sealed_done) Sealed sealed = {0};
    Fixture *fixture = *state;

    seal_both(fixture, &sealed);
    tap.fault = TAP_ANSWER;
    tap.fault_times = 3;
    for (size_t i = 0; i < COUNT(busy_codes); i++)
        for (Operation j = 0; j < _OPERATION_MAX; j++) {
            uint64_t begin = monotonic_usec();

            tap.code = busy_codes[i];
            tap.fault_command = last_commands[j];
            expect(fixture, &sealed, j, 0, "busy for a moment");
            assert_int_equal(tap.faults, 3);
            /* each time longer than before: 10, 20 and 40 ms */
            assert_true(monotonic_usec() - begin >= 70000);
            assert_nothing_left(fixture);
        }
}

static void test_busy_for_too_long(void **state)
{
    _cleanup_(sealed_done) Sealed sealed = {0};
    Fixture *fixture = *state;

    seal_both(fixture, &sealed);
    fixture->tpm->transport.patience_usec = SHORT_PATIENCE_USEC;
    for (size_t i = 0; i < COUNT(busy_codes); i++)
        for (Operation j = 0; j < _OPERATION_MAX; j++) {
            uint64_t begin = monotonic_usec();

            tap.fault = TAP_ANSWER;
            tap.code = busy_codes[i];
            tap.fault_command = last_commands[j];
            expect(fixture, &sealed, j, OUTCOME_TPM_BUSY, "busy for too long");
            assert_true(monotonic_usec() - begin >= SHORT_PATIENCE_USEC);
            assert_in_range(tap.faults, 5, RESENT_MAX);
            tap.fault = TAP_NO_FAULT;
            assert_nothing_left(fixture);
            expect(fixture, &sealed, j, 0, "after that");
        }
}

/* The patience is for the operation as a whole, not for each command. */
static void test_patience_is_for_all(void **state)
{
    _cleanup_(sealed_done) Sealed sealed = {0};
    Fixture *fixture = *state;
    uint64_t begin;

    seal_both(fixture, &sealed);
    fixture->tpm->transport.patience_usec = 100000;
    tap.fault = TAP_ANSWER;
    tap.code = TPM2_RC_NV_RATE;
    tap.fault_command = TPM2_CC_FlushContext; /* two of them, whose failures are ignored */
    begin = monotonic_usec();
    expect(fixture, &sealed, UNSEAL_LEGACY, 0, "two busy commands");
    assert_true(monotonic_usec() - begin >= 100000);
    /* 10, 20, 40 and 30 ms, then once more */
    assert_int_equal(tap.faults, 6);
    tap.fault = TAP_NO_FAULT;
    assert_int_equal(hardship_flush_all(fixture->swtpm), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_lasting),           with_tpm(test_health),
        with_tpm(test_health_of_pcrs),    with_tpm(test_reset_in_the_middle),
        with_tpm(test_said_by_the_tpm),   with_tpm(test_busy_for_a_moment),
        with_tpm(test_busy_for_too_long), with_tpm(test_patience_is_for_all),
    };

    return run_with_swtpm(tests);
}
