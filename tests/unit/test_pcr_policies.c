/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/{seal,authorize,mismatch}.c on a software TPM: every policy, when it is
 * fulfilled, changed or signed by another key, and its description.
 */

#include "pcr_signer.h"
#include "tpm_fixture.h"

static int unseal_with(Fixture *fixture, const TpmSealed *sealed, const Bytes *signatures,
                       const TpmPcrs *expected, const Secret *key)
{
    _cleanup_(secret_freep) Secret *unsealed = NULL;
    TpmSealedView view = tpm_sealed_view(sealed);
    int r;

    if (signatures)
        view.signatures = bytes_view(signatures);
    view.expected = expected;
    r = tpm_unseal(fixture->tpm, &view, &fixture->reason, &unsealed);
    assert_nothing_left(fixture);
    assert_true((r == 0) == (unsealed != NULL));
    if (r == 0)
        assert_true(secret_equal(unsealed, key));
    return r;
}

/* --- every policy under either storage key --- */

static void check_policy(Fixture *fixture, const TpmSealRequest *request, const PcrSigner *signer)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    uint16_t bank = request->pcrs.bank ? request->pcrs.bank : TPM_ALGORITHM_SHA256;

    tap.count = 0;
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    assert_int_equal(
        tpm_seal(fixture->tpm, &fixture->context, request, &fixture->reason, &sealed, &key), 0);
    assert_nothing_left(fixture);
    assert_int_equal(sealed.pcr_bank, bank);
    assert_true((sealed.srk.size != 0) == request->pinned);
    assert_true(bytes_view_equal(bytes_view(&sealed.public_key), request->public_key));
    signatures = pcr_sign(fixture->tpm, signer, signer, 11, bank);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), 0);

    /* another PCR that does not matter */
    assert_int_equal(swtpm_extend(fixture->swtpm, 12, "changed"), 0);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), 0);

    assert_int_equal(swtpm_extend(fixture->swtpm, 11, "a new kernel"), 0);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key),
                     request->public_key.size ? OUTCOME_TPM_PCR_MISMATCH : 0);
    bytes_done(&signatures); /* the new kernel comes with a new signature */
    signatures = pcr_sign(fixture->tpm, signer, signer, 11, bank);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), 0);

    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "changed"), 0);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key),
                     request->pcrs.mask & MASK(7) ? OUTCOME_TPM_PCR_MISMATCH : 0);
}

static void test_every_policy(void **state)
{
    static const uint64_t masks[] = {0, MASK(7), MASK(0) | MASK(7) | MASK(14)};
    static const uint16_t banks[] = {0, TPM_ALGORITHM_SHA256, TPM_ALGORITHM_SHA1};
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new();
    Fixture *fixture = *state;
    uint8_t *srk;
    size_t size;

    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    free(srk);
    for (size_t i = 0; i < COUNT(masks); i++)
        for (size_t j = 0; j < COUNT(banks); j++)
            for (unsigned bits = 0; bits < 4; bits++) {
                TpmSealRequest request = {
                    .pcrs = {.mask = masks[i], .bank = banks[j]},
                    .pinned = bits & 1,
                };

                if (bits & 2) {
                    request.public_key = bytes_view(&signer.pem);
                    request.public_key_mask = MASK(11);
                }
                check_policy(fixture, &request, &signer);
            }
}

/* --- signatures that do not fit --- */

static void test_signatures_that_do_not_fit(void **state)
{
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new(), other = pcr_signer_new();
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;
    TpmSealRequest request = {.public_key = bytes_view(&signer.pem), .public_key_mask = MASK(11)};
    const struct {
        const char *rule;
        const PcrSigner *signer, *by;
        unsigned pcr;
        int outcome;
    } rows[] = {
        {"the right one", &signer, &signer, 11, 0},
        {"by another key", &other, &other, 11, OUTCOME_TPM_NO_SIGNATURE},
        {"forged: by another key, in this one's name", &signer, &other, 11,
         OUTCOME_TPM_NO_SIGNATURE},
        {"about another PCR", &signer, &signer, 12, OUTCOME_TPM_NO_SIGNATURE},
    };

    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &sealed, &key), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes signatures =
            pcr_sign(fixture->tpm, rows[i].signer, rows[i].by, rows[i].pcr, TPM_ALGORITHM_SHA256);

        if (unseal_with(fixture, &sealed, &signatures, NULL, key) != rows[i].outcome)
            fail_msg("%s: %s", rows[i].rule, fixture->reason.text);
    }
    tap.count = 0;
    assert_int_equal(unseal_with(fixture, &sealed, NULL, NULL, key), OUTCOME_TPM_NO_SIGNATURE);
    assert_int_equal(tap.count, 0); /* the TPM is not used where it must refuse */
}

/* The header is not authenticated: anybody may have put the public key there. */
static void test_a_public_key_that_was_exchanged(void **state)
{
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new(), other = pcr_signer_new();
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, literal = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *literal_key = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    Fixture *fixture = *state;
    TpmSealRequest request = {.public_key = bytes_view(&signer.pem), .public_key_mask = MASK(11)};

    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &sealed, &key), 0);
    request.pcrs.mask = MASK(7);
    assert_int_equal(
        tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &literal, &literal_key), 0);
    bytes_done(&sealed.public_key);
    bytes_done(&literal.public_key);
    assert_int_equal(bytes_dup(bytes_view(&other.pem), &sealed.public_key), 0);
    assert_int_equal(bytes_dup(bytes_view(&other.pem), &literal.public_key), 0);
    signatures = pcr_sign(fixture->tpm, &other, &other, 11, TPM_ALGORITHM_SHA256);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), OUTCOME_UNSUPPORTED);
    /* with literal PCRs only the TPM can decide */
    assert_int_equal(unseal_with(fixture, &literal, &signatures, NULL, literal_key),
                     OUTCOME_TPM_PCR_MISMATCH);
    sealed.public_key_mask = 0;
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), OUTCOME_MALFORMED);
}

/* --- requests --- */

static void test_requests_that_make_no_sense(void **state)
{
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new();
    Fixture *fixture = *state;
    const struct {
        const char *rule;
        TpmSealRequest request;
        int outcome;
    } rows[] = {
        {"a PCR that does not exist", {.pcrs.mask = MASK(24)}, OUTCOME_USAGE},
        {"a signed PCR that does not exist",
         {.public_key = bytes_view(&signer.pem), .public_key_mask = MASK(24)},
         OUTCOME_USAGE},
        {"a signer of nothing", {.public_key = bytes_view(&signer.pem)}, OUTCOME_USAGE},
        {"a key that is none",
         {.public_key = test_view("PEM"), .public_key_mask = MASK(11)},
         OUTCOME_MALFORMED},
        {"a bank that is none", {.pcrs.bank = 0xffff}, OUTCOME_USAGE},
        {"values of no bank", {.pcrs = {.mask = 1, .given = 1}}, OUTCOME_USAGE},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        TpmSealed sealed = {0};
        Secret *key = NULL;

        if (tpm_seal(fixture->tpm, &fixture->context, &rows[i].request, &fixture->reason, &sealed,
                     &key) != rows[i].outcome)
            fail_msg("%s: %s", rows[i].rule, fixture->reason.text);
        assert_null(key);
    }
    assert_int_equal(tap.count, 0);
}

static void test_a_bank_or_a_key_that_the_tpm_lacks(void **state)
{
    Fixture *fixture = *state;
    TpmSealRequest request = {.pcrs = {.mask = MASK(7), .bank = TPM_ALGORITHM_SHA256}};
    TpmSealRequest pinned = {.pinned = true};
    TpmSealed sealed = {0};
    Secret *key = NULL;

    assert_int_equal(
        tpm_seal(fixture->tpm, &fixture->context, &pinned, &fixture->reason, &sealed, &key),
        OUTCOME_TPM_NO_SRK);
    assert_int_equal(swtpm_use_banks(fixture->swtpm, true, false), 0);
    assert_int_equal(
        tpm_seal(fixture->tpm, &fixture->context, &request, &fixture->reason, &sealed, &key),
        OUTCOME_TPM_UNABLE);
    assert_says(fixture, "sha256");
    assert_null(key);
    assert_nothing_left(fixture);
}

/* A key that is too large for the TPM, and a bank that the TPM no longer has. */
static void test_a_signer_or_a_bank_that_the_tpm_lacks(void **state)
{
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new();
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    Fixture *fixture = *state;
    TpmSealRequest request = {.public_key = bytes_view(&signer.pem), .public_key_mask = MASK(11)};

    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &sealed, &key), 0);
    signatures = pcr_sign(fixture->tpm, &signer, &signer, 11, TPM_ALGORITHM_SHA256);
    tap.fault = TAP_ANSWER;
    tap.fault_command = TPM2_CC_LoadExternal;
    tap.code = TPM2_RC_KEY_SIZE | TPM2_RC_P | TPM2_RC_2;
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), OUTCOME_TPM_UNABLE);
    assert_says(fixture, "RSA-2048");
    tap.fault = TAP_NO_FAULT;
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), 0);
    assert_int_equal(swtpm_use_banks(fixture->swtpm, true, false), 0);
    assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), OUTCOME_TPM_UNABLE);
    assert_says(fixture, "PCR 11 in a bank of sha256");
}

/* --- given values, and what they are good for --- */

static void test_values_of_another_state(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, mixed = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *mixed_key = NULL;
    Fixture *fixture = *state;
    TpmSealRequest request = {
        .pcrs = {.mask = MASK(7), .given = MASK(7), .bank = TPM_ALGORITHM_SHA256}};

    swtpm_extend_value((uint8_t[32]){0}, "update", request.pcrs.values[7]);
    tap.count = 0;
    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &sealed, &key), 0);
    for (unsigned i = 0; i < tap.count; i++)
        assert_int_not_equal(tap.commands[i], TPM2_CC_PCR_Read);
    request.pcrs.mask |= MASK(14);
    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &mixed, &mixed_key),
                     0);
    assert_int_equal(unseal_with(fixture, &sealed, NULL, NULL, key), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "sealed for PCR 7");
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    assert_int_equal(unseal_with(fixture, &sealed, NULL, NULL, key), 0);
    assert_int_equal(unseal_with(fixture, &mixed, NULL, NULL, mixed_key), 0);
}

static void test_which_pcr_differs(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;
    TpmPcrs expected;

    seal(fixture, MASK(4) | MASK(7) | MASK(14), &sealed, &key);
    assert_int_equal(tpm_begin(fixture->tpm, NULL), 0);
    assert_int_equal(tpm_pcr_peek(fixture->tpm, MASK(4) | MASK(7) | MASK(14), TPM_ALGORITHM_SHA256,
                                  NULL, &expected),
                     0);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "changed"), 0);

    /* no values are expected: all PCRs are named */
    assert_int_equal(unseal_with(fixture, &sealed, NULL, NULL, key), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "sealed for PCR 4+7+14");
    /* the right values */
    assert_int_equal(unseal_with(fixture, &sealed, NULL, &expected, key), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "PCR 7 (is ");
    assert_says(fixture, "expected 0000000000000000…)");
    assert_says(fixture, "Secure Boot");
    assert_null(strstr(fixture->reason.text, "14"));
    assert_null(strstr(fixture->reason.text, "either"));
    /* wrong values, which the policy shows */
    expected.values[7][0] ^= 1;
    assert_int_equal(unseal_with(fixture, &sealed, NULL, &expected, key), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "the expected values are not those that it was sealed for");
    /* values of another bank say nothing */
    expected.bank = TPM_ALGORITHM_SHA1;
    assert_int_equal(unseal_with(fixture, &sealed, NULL, &expected, key), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "sealed for PCR 4+7+14");
}

/* --- PCRs that change meanwhile --- */

typedef struct Meddler {
    Swtpm *swtpm;
    uint32_t command;
    unsigned skip, times;
} Meddler;

static void meddle(uint32_t command, void *data)
{
    Meddler *meddler = data;

    if (command != meddler->command || meddler->times == 0)
        return;
    if (meddler->skip > 0) {
        meddler->skip--;
        return;
    }
    meddler->times--;
    assert_int_equal(swtpm_extend(meddler->swtpm, 8, "meanwhile"), 0);
}

static void test_another_pcr_changes_meanwhile(void **state)
{
    static const struct {
        uint32_t command;
        unsigned skip, times;
    } rows[] = {
        {TPM2_CC_PolicyPCR, 1, 1},       /* between the signed part and the literal one */
        {TPM2_CC_VerifySignature, 0, 1}, /* in the signed part */
        {TPM2_CC_Unseal, 0, 3},          /* after both */
    };
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new();
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(bytes_done) Bytes signatures = {0};
    Fixture *fixture = *state;
    TpmSealRequest request = {
        .pcrs.mask = MASK(7), .public_key = bytes_view(&signer.pem), .public_key_mask = MASK(11)};

    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context, &request, NULL, &sealed, &key), 0);
    signatures = pcr_sign(fixture->tpm, &signer, &signer, 11, TPM_ALGORITHM_SHA256);
    for (size_t i = 0; i < COUNT(rows); i++) {
        Meddler meddler = {fixture->swtpm, rows[i].command, rows[i].skip, rows[i].times};

        tap.before = meddle;
        tap.data = &meddler;
        assert_int_equal(unseal_with(fixture, &sealed, &signatures, NULL, key), 0);
        assert_int_equal(meddler.times, 0);
    }
    tap.before = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_every_policy),
        with_tpm(test_signatures_that_do_not_fit),
        with_tpm(test_a_public_key_that_was_exchanged),
        with_tpm(test_requests_that_make_no_sense),
        with_tpm(test_a_bank_or_a_key_that_the_tpm_lacks),
        with_tpm(test_a_signer_or_a_bank_that_the_tpm_lacks),
        with_tpm(test_values_of_another_state),
        with_tpm(test_which_pcr_differs),
        with_tpm(test_another_pcr_changes_meanwhile),
    };

    return run_with_swtpm(tests);
}
