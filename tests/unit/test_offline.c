/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of sealing without the TPM from end to end: a software TPM exports its identity, sealing
 * uses the identity alone, and the TPM opens the result, or must refuse it.
 */

#include "pcr_signer.h"
#include "tpm_fixture.h"

#include "credential/offline.h"
#include "credential/open.h"
#include "credential/seal.h"
#include "tpm/tpm.h"

/* TPM_RC_VALUE, parameter 2: as if there were no P-256 */
#define RC_NO_ECC 0x2c4U

static void identify(Fixture *fixture, bool rsa, bool srk, Identity *ret)
{
    _cleanup_(tpm_export_done) TpmExport export = {0};

    if (srk) {
        _cleanup_(freep) uint8_t *serialized = NULL;
        size_t size;

        assert_int_equal(swtpm_make_srk_of(fixture->swtpm, rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC,
                                           &serialized, &size),
                         0);
    }
    if (rsa && !srk) {
        tap.fault = TAP_ANSWER;
        tap.code = RC_NO_ECC;
        tap.fault_command = TPM2_CC_CreatePrimary;
        tap.fault_times = 1;
    }
    assert_int_equal(tpm_export(fixture->tpm, &fixture->reason, &export), 0);
    tap.fault = TAP_NO_FAULT;
    assert_nothing_left(fixture);
    assert_true((export.srk.size > 0) == srk);
    assert_true(export.pcrs.mask == TPM_PCR_MASK_ALL);
    assert_int_equal(identity_add_key(ret, bytes_view(&export.legacy), NULL), 0);
    assert_true((ret->legacy_rsa.size > 0) == (rsa && !srk));
    if (srk)
        assert_int_equal(identity_add_key(ret, bytes_view(&export.srk), NULL), 0);
    ret->pcrs = export.pcrs;
}

/* Seals without the TPM. */
static void seal_as(Fixture *fixture, const OfflineRequest *request, Bytes *ret)
{
    _cleanup_(offline_key_done) OfflineKey key = {0};
    _cleanup_(secret_freep) Secret *plaintext = test_secret("hello");
    SealRequest inner = {.plaintext = plaintext,
                         .metadata = {.not_after = USEC_INFINITY, .name = "web@x"}};
    unsigned commands = tap.count;

    assert_int_equal(offline_key_new(&fixture->context, request, &fixture->reason, &key), 0);
    inner.kind = key.kind;
    inner.tpm_key = key.key;
    inner.tpm = tpm_sealed_view(&key.sealed);
    assert_int_equal(credential_seal(&fixture->context, &inner, NULL, ret), 0);
    assert_int_equal(tap.count, commands);
}

static void seal_offline(Fixture *fixture, const Identity *identity, OfflineForm form,
                         uint64_t mask, Bytes *ret)
{
    seal_as(fixture, &(OfflineRequest){.identity = identity, .form = form, .pcrs.mask = mask}, ret);
}

static int open_with(Fixture *fixture, const Bytes *sealed, const Bytes *signatures)
{
    _cleanup_(secret_freep) Secret *key = NULL, *plaintext = NULL;
    CredentialSections sections;
    OpenRequest request = {.sections = &sections, .name = "web@x", .now = TEST_NOW};
    int r;

    assert_int_equal(credential_parse(bytes_view(sealed), NULL, &sections), 0);
    assert_true(tpm_key_label(&sections.tpm).outside);
    assert_true(credential_key_label(bytes_view(sealed)).outside);
    if (signatures)
        sections.tpm.signatures = bytes_view(signatures);
    r = tpm_unseal(fixture->tpm, &sections.tpm, &fixture->reason, &key);
    assert_nothing_left(fixture);
    if (r != 0)
        return r;
    request.tpm_key = key;
    assert_int_equal(credential_open(&request, NULL, NULL, &plaintext), 0);
    assert_true(bytes_view_equal(secret_view(plaintext), test_view("hello")));
    return 0;
}

static int open_offline(Fixture *fixture, const Bytes *sealed)
{
    return open_with(fixture, sealed, NULL);
}

static const struct {
    bool rsa;
    OfflineForm form;
} forms[] = {{false, OFFLINE_LEGACY},
             {true, OFFLINE_LEGACY},
             {false, OFFLINE_PINNED},
             {true, OFFLINE_PINNED}};

static void check_form(Fixture *fixture, bool rsa, OfflineForm form)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(bytes_done) Bytes without = {0}, with = {0}, future = {0};

    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "a"), 0);
    identify(fixture, rsa, form == OFFLINE_PINNED, &identity);
    seal_offline(fixture, &identity, form, 0, &without);
    seal_offline(fixture, &identity, form, MASK(0) | MASK(7) | MASK(23), &with);
    assert_int_equal(open_offline(fixture, &without), 0);
    assert_int_equal(open_offline(fixture, &with), 0);
    /* for a state other than the present one */
    identity.pcrs.values[7][0] ^= 1;
    seal_offline(fixture, &identity, form, MASK(7), &future);
    assert_int_equal(open_offline(fixture, &future), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "b"), 0);
    assert_int_equal(open_offline(fixture, &with), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(open_offline(fixture, &without), 0);
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
}

static void test_legacy_p256(void **state)
{
    check_form(*state, forms[0].rsa, forms[0].form);
}

static void test_legacy_rsa(void **state)
{
    check_form(*state, forms[1].rsa, forms[1].form);
}

static void test_pinned(void **state)
{
    check_form(*state, forms[2].rsa, forms[2].form);
}

static void test_pinned_rsa(void **state)
{
    check_form(*state, forms[3].rsa, forms[3].form);
}

/* A signed policy, alone and with a literal PCR whose value is still to come. */
static void check_signed(Fixture *fixture, bool rsa, OfflineForm form)
{
    _cleanup_(pcr_signer_done) PcrSigner signer = pcr_signer_new();
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(bytes_done) Bytes alone = {0}, both = {0}, signatures = {0}, after = {0};
    OfflineRequest request = {.identity = &identity,
                              .form = form,
                              .public_key = bytes_view(&signer.pem),
                              .public_key_mask = MASK(11)};

    identify(fixture, rsa, form == OFFLINE_PINNED, &identity);
    seal_as(fixture, &request, &alone);
    request.pcrs =
        (TpmPcrs){.mask = MASK(7) | MASK(0), .given = MASK(7), .bank = TPM_ALGORITHM_SHA256};
    swtpm_extend_value(identity.pcrs.values[7], "update", request.pcrs.values[7]);
    seal_as(fixture, &request, &both);

    assert_int_equal(open_offline(fixture, &alone), OUTCOME_TPM_NO_SIGNATURE);
    signatures = pcr_sign(fixture->tpm, &signer, &signer, 11, TPM_ALGORITHM_SHA256);
    assert_int_equal(open_with(fixture, &alone, &signatures), 0);
    assert_int_equal(open_with(fixture, &both, &signatures), OUTCOME_TPM_PCR_MISMATCH);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "update"), 0);
    assert_int_equal(open_with(fixture, &both, &signatures), 0);
    assert_int_equal(swtpm_extend(fixture->swtpm, 11, "a new kernel"), 0);
    assert_int_equal(open_with(fixture, &both, &signatures), OUTCOME_TPM_PCR_MISMATCH);
    after = pcr_sign(fixture->tpm, &signer, &signer, 11, TPM_ALGORITHM_SHA256);
    assert_int_equal(open_with(fixture, &both, &after), 0);
    assert_int_equal(open_with(fixture, &alone, &after), 0);
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
}

static void test_signed_legacy_p256(void **state)
{
    check_signed(*state, forms[0].rsa, forms[0].form);
}

static void test_signed_legacy_rsa(void **state)
{
    check_signed(*state, forms[1].rsa, forms[1].form);
}

static void test_signed_pinned(void **state)
{
    check_signed(*state, forms[2].rsa, forms[2].form);
}

static void test_signed_pinned_rsa(void **state)
{
    check_signed(*state, forms[3].rsa, forms[3].form);
}

/* libtpms reports failure mode for a seed that it cannot decrypt; a TPM that really is in failure
 * mode reports it for everything. */
static void test_failure_mode(void **state)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(bytes_done) Bytes sealed = {0};
    Fixture *fixture = *state;

    identify(fixture, false, true, &identity);
    seal_offline(fixture, &identity, OFFLINE_PINNED, 0, &sealed);
    tap.fault = TAP_ANSWER;
    tap.code = TPM2_RC_FAILURE;
    tap.fault_command = TPM2_CC_Import;
    assert_int_equal(open_offline(fixture, &sealed), OUTCOME_TPM_FOREIGN);
    tap.fault_at = tap.count + 2; /* the TPM's state is read */
    assert_int_equal(open_offline(fixture, &sealed), OUTCOME_TPM_NEEDS_REBOOT);
    assert_int_equal(tap.commands[tap.count - 1], TPM2_CC_GetTestResult);
    tap.fault = TAP_NO_FAULT;
    assert_int_equal(open_offline(fixture, &sealed), 0);
}

static void test_another_tpm(void **state)
{
    Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(forms); i++) {
        _cleanup_(identity_done) Identity identity = {0};
        _cleanup_(bytes_done) Bytes sealed = {0};
        uint8_t *srk;
        size_t size;

        identify(fixture, forms[i].rsa, forms[i].form == OFFLINE_PINNED, &identity);
        seal_offline(fixture, &identity, forms[i].form, 0, &sealed);
        tpm_free(fixture->tpm);
        swtpm_stop(fixture->swtpm);
        assert_int_equal(swtpm_start(NULL, &fixture->swtpm), 0);
        assert_int_equal(tap_open(fixture->swtpm, &fixture->tpm), 0);
        if (forms[i].form == OFFLINE_PINNED) {
            assert_int_equal(swtpm_make_srk_of(fixture->swtpm,
                                               forms[i].rsa ? TPM2_ALG_RSA : TPM2_ALG_ECC, &srk,
                                               &size),
                             0);
            free(srk);
        }
        if (open_offline(fixture, &sealed) != OUTCOME_TPM_FOREIGN)
            fail_msg("form %zu: %s", i, fixture->reason.text);
        if (forms[i].form == OFFLINE_PINNED)
            assert_int_equal(swtpm_remove_srk(fixture->swtpm), 0);
    }
}

/* The TPM detects damage to what it checks; we detect damage to the rest. */
static void test_every_byte_counts(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialSections sections;

    identify(fixture, false, true, &identity);
    seal_offline(fixture, &identity, OFFLINE_PINNED, 0, &sealed);
    assert_int_equal(credential_parse(bytes_view(&sealed), NULL, &sections), 0);
    for (size_t i = 0; i < sections.tpm.blob.size; i++) {
        size_t offset = (size_t)(sections.tpm.blob.data - sealed.data) + i;
        _cleanup_(secret_freep) Secret *key = NULL;

        sealed.data[offset] ^= 1;
        assert_true(tpm_unseal(fixture->tpm, &sections.tpm, &fixture->reason, &key) > 0);
        assert_null(key);
        sealed.data[offset] ^= 1;
    }
    assert_nothing_left(fixture);
    assert_int_equal(open_offline(fixture, &sealed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_legacy_p256),
        with_tpm(test_legacy_rsa),
        with_tpm(test_pinned),
        with_tpm(test_signed_legacy_p256),
        with_tpm(test_signed_legacy_rsa),
        with_tpm(test_signed_pinned),
        with_tpm(test_pinned_rsa),
        with_tpm(test_signed_pinned_rsa),
        with_tpm(test_another_tpm),
        with_tpm(test_every_byte_counts),
        with_tpm(test_failure_mode),
    };

    return run_with_swtpm(tests);
}
