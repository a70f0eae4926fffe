/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm/endorsement.h with software TPMs: which keys are endorsement keys, persistent
 * ones, templates and nonces of vendors, and certificates in NV.
 */

#include "endorsement_host.h"

#include "tpm/certificate.h"

#include <tss2/tss2_mu.h>

#define CERTIFICATE_INDEX 0x01c00002U
#define _connected_       __attribute__((cleanup(swtpm_disconnect)))

/* Whatever its template does not say is refused before anything is encrypted to it. */
static void test_only_endorsement_keys(void **state)
{
    static const struct {
        size_t kind; /* 0: L-2, 4: H-3 */
        const char *rule;
        size_t offset;
        uint8_t value;
        const char *words;
    } rows[] = {
        {0, "named by SHA-256", 5, 0x0c, "not named by SHA-256"},
        {0, "cannot leave its TPM", 9, 0xb0, "attributes"},
        {0, "is restricted", 7, 0x02, "attributes"},
        {0, "has the policy of its range", 12, 0x00, "policy"},
        {0, "has AES", 45, 0x13, "AES"},
        {0, "has AES-128", 46, 0x01, "AES-128"},
        {0, "has CFB", 49, 0x44, "AES-128"},
        {0, "has no scheme", 51, 0x14, "scheme"},
        {0, "is P-256 in the low range", 53, 0x04, "P-256"},
        {0, "has no scheme of derivation", 55, 0x22, "scheme"},
        {4, "named by SHA-384", 5, 0x0b, "not named by SHA-384"},
        {4, "has the policy for SHA-384", 59, 0x00, "policy"},
        {4, "has AES-256", 62, 0x00, "AES-256"},
        {4, "is not P-521", 69, 0x05, "P-384"},
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(host_done) Host host = {0};
        TpmStorageKey key;
        BytesView area;

        assert_true(read_host(fixture, rows[i].kind, &host));
        area = bytes_view(&host.endorsement.area);
        assert_int_equal(tpm_storage_key_parse(area, NULL, &key), OUTCOME_MALFORMED);
        assert_int_equal(tpm_endorsement_key_parse(bytes_view(&host.export.legacy), NULL, &key),
                         OUTCOME_MALFORMED);
        host.endorsement.area.data[rows[i].offset] = rows[i].value;
        if (tpm_endorsement_key_parse(area, &fixture->reason, &key) != OUTCOME_MALFORMED ||
            !strstr(fixture->reason.text, rows[i].words))
            fail_msg("an endorsement key %s: \"%s\"", rows[i].rule, fixture->reason.text);
    }
}

static void test_password(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(tpm_endorsement_done) TpmEndorsement endorsement = {0};

    assert_int_equal(hardship_endorsement_password(fixture->swtpm), 0);
    assert_int_equal(
        tpm_endorsement_read(fixture->tpm, TPM_ENDORSEMENT_L2, &fixture->reason, &endorsement),
        OUTCOME_TPM_PASSWORD);
    assert_says(fixture, "tpm2_changeauth -c endorsement");
    assert_nothing_left(fixture);
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
}

/* Makes AREA, a template, in the endorsement hierarchy, and makes it persistent at HANDLE. */
static void make_persistent(Fixture *fixture, const TPM2B_PUBLIC *area, TPMI_DH_PERSISTENT handle)
{
    static const TPM2B_SENSITIVE_CREATE no_password = {0};
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcrs = {0};
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR transient, persistent;

    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    assert_int_equal(Esys_CreatePrimary(connection.esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
                                        ESYS_TR_NONE, ESYS_TR_NONE, &no_password, area, &no_data,
                                        &no_pcrs, &transient, NULL, NULL, NULL, NULL),
                     TSS2_RC_SUCCESS);
    assert_int_equal(Esys_EvictControl(connection.esys, ESYS_TR_RH_OWNER, transient,
                                       ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, handle,
                                       &persistent),
                     TSS2_RC_SUCCESS);
    assert_int_equal(Esys_FlushContext(connection.esys, transient), TSS2_RC_SUCCESS);
}

/* The template of L-2 or H-2, as others write it down. */
static TPM2B_PUBLIC p256_template(TpmEndorsementKind kind, uint16_t unique)
{
    const TpmKeyTemplate *template = &tpm_endorsement_templates[kind];
    TPM2B_PUBLIC area = {.publicArea = {
                             .type = TPM2_ALG_ECC,
                             .nameAlg = TPM2_ALG_SHA256,
                             .objectAttributes = template->attributes,
                             .authPolicy.size = (UINT16) template->policy.size,
                             .parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES,
                                                                    .keyBits.aes = 128,
                                                                    .mode.aes = TPM2_ALG_CFB},
                                                      .scheme.scheme = TPM2_ALG_NULL,
                                                      .curveID = TPM2_ECC_NIST_P256,
                                                      .kdf.scheme = TPM2_ALG_NULL},
                             .unique.ecc = {.x.size = unique, .y.size = unique},
                         }};

    memcpy(area.publicArea.authPolicy.buffer, template->policy.data, template->policy.size);
    return area;
}

/* With a password, persistent keys of the high range serve: not one that is not an endorsement key,
 * although it is the first, and not one of another template. Those of the low range would need the
 * password to answer. */
static void test_password_and_persistent_keys(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(secret_freep) Secret *secret = test_secret_of(TPM_CHALLENGE_SECRET_BYTES);
    _cleanup_(secret_freep) Secret *revealed = NULL;
    TPM2B_PUBLIC low = p256_template(TPM_ENDORSEMENT_L2, 32);
    TPM2B_PUBLIC high = p256_template(TPM_ENDORSEMENT_H2, 0), other = high;
    _cleanup_(tpm_endorsement_done) TpmEndorsement none = {0};
    _cleanup_(host_done) Host before = {0}, host = {0}, of_low = {0};
    _cleanup_(bytes_done) Bytes blob = {0}, blob_of_low = {0};

    other.publicArea.objectAttributes &= ~(TPMA_OBJECT)TPMA_OBJECT_ADMINWITHPOLICY;
    make_persistent(fixture, &other, 0x81010001);
    make_persistent(fixture, &low, 0x81010002);
    make_persistent(fixture, &high, 0x81010016);
    assert_true(read_host(fixture, 0, &of_low));
    assert_true(read_host(fixture, 1, &before));
    challenge(fixture, &of_low.key, &of_low.export.legacy, secret, &blob_of_low);
    assert_int_equal(hardship_endorsement_password(fixture->swtpm), 0);
    assert_true(read_host(fixture, 1, &host));
    assert_true(
        bytes_view_equal(bytes_view(&before.endorsement.area), bytes_view(&host.endorsement.area)));
    challenge(fixture, &host.key, &host.export.legacy, secret, &blob);
    assert_int_equal(answer(fixture, &host, &host.export.legacy, bytes_view(&blob), &revealed), 0);
    assert_true(secret_equal(secret, revealed));
    refused(fixture, &of_low, &of_low.export.legacy, bytes_view(&blob_of_low), OUTCOME_TPM_PASSWORD,
            "the endorsement hierarchy has a password");
    for (TpmEndorsementKind kind = 0; kind < _TPM_ENDORSEMENT_MAX; kind++)
        if (kind != TPM_ENDORSEMENT_H2)
            assert_int_equal(tpm_endorsement_read(fixture->tpm, kind, &fixture->reason, &none),
                             OUTCOME_TPM_PASSWORD);
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
}

/* Writes BYTES to an NV index, which vendors fill up. */
static void write_index(Fixture *fixture, TPMI_RH_NV_INDEX number, const uint8_t *bytes,
                        size_t size)
{
    static const TPM2B_AUTH no_password = {0};
    const TPM2B_NV_PUBLIC area = {
        .nvPublic = {.nvIndex = number,
                     .nameAlg = TPM2_ALG_SHA256,
                     .attributes = TPMA_NV_AUTHREAD | TPMA_NV_OWNERWRITE | TPMA_NV_NO_DA,
                     .dataSize = (UINT16)size}};
    _connected_ SwtpmConnection connection = {0};
    ESYS_TR index;

    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    if (Esys_TR_FromTPMPublic(connection.esys, number, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                              &index) == TSS2_RC_SUCCESS)
        assert_int_equal(Esys_NV_UndefineSpace(connection.esys, ESYS_TR_RH_OWNER, index,
                                               ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                         TSS2_RC_SUCCESS);
    assert_int_equal(Esys_NV_DefineSpace(connection.esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &area, &index),
                     TSS2_RC_SUCCESS);
    for (size_t done = 0; bytes && done < size; done += 512) {
        TPM2B_MAX_NV_BUFFER piece = {.size = (UINT16)(size - done < 512 ? size - done : 512)};

        memcpy(piece.buffer, bytes + done, piece.size);
        assert_int_equal(Esys_NV_Write(connection.esys, ESYS_TR_RH_OWNER, index, ESYS_TR_PASSWORD,
                                       ESYS_TR_NONE, ESYS_TR_NONE, &piece, (UINT16)done),
                         TSS2_RC_SUCCESS);
    }
}

static void write_template(Fixture *fixture, TPMI_RH_NV_INDEX number, const TPM2B_PUBLIC *area)
{
    uint8_t bytes[sizeof(*area)] = {0};
    size_t size = 0;

    assert_int_equal(Tss2_MU_TPMT_PUBLIC_Marshal(&area->publicArea, bytes, sizeof(bytes), &size),
                     TSS2_RC_SUCCESS);
    write_index(fixture, number, bytes, size + 8); /* filled up */
}

/* Expects that the TPM's key of KIND is, or is not, the persistent one at HANDLE. */
static void expect_key(Fixture *fixture, TpmEndorsementKind kind, TPM2_HANDLE handle, bool same)
{
    _cleanup_(tpm_endorsement_done) TpmEndorsement endorsement = {0};
    _connected_ SwtpmConnection connection = {0};
    TPM2B_PUBLIC *area;
    uint8_t bytes[sizeof(*area)];
    size_t size = 0;
    ESYS_TR tr;

    assert_int_equal(swtpm_connect(fixture->swtpm, &connection), 0);
    assert_int_equal(Esys_TR_FromTPMPublic(connection.esys, handle, ESYS_TR_NONE, ESYS_TR_NONE,
                                           ESYS_TR_NONE, &tr),
                     TSS2_RC_SUCCESS);
    assert_int_equal(Esys_ReadPublic(connection.esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                     &area, NULL, NULL),
                     TSS2_RC_SUCCESS);
    assert_int_equal(Tss2_MU_TPM2B_PUBLIC_Marshal(area, bytes, sizeof(bytes), &size),
                     TSS2_RC_SUCCESS);
    Esys_Free(area);
    assert_int_equal(tpm_endorsement_read(fixture->tpm, kind, &fixture->reason, &endorsement), 0);
    assert_int_equal(bytes_view_equal(bytes_view(&endorsement.area), (BytesView){bytes, size}),
                     same);
}

/* A template or a nonce of the vendor makes another key, which the TPM is then expected to have. */
static void test_vendor_templates(void **state)
{
    Fixture *fixture = *state;
    TPM2B_PUBLIC low = p256_template(TPM_ENDORSEMENT_L2, 32);
    TPM2B_PUBLIC high = p256_template(TPM_ENDORSEMENT_H2, 0);
    _cleanup_(tpm_endorsement_done) TpmEndorsement none = {0};
    uint8_t nonce[33];

    memset(nonce, 0x5a, sizeof(nonce));
    memcpy(low.publicArea.unique.ecc.x.buffer, nonce, 20);
    high.publicArea.unique.ecc.x.size = 8;
    make_persistent(fixture, &low, 0x81010002);
    make_persistent(fixture, &high, 0x81010014);
    expect_key(fixture, TPM_ENDORSEMENT_L2, 0x81010002, false);
    write_index(fixture, 0x01c0000b, NULL, 20); /* nobody has written to it yet */
    expect_key(fixture, TPM_ENDORSEMENT_L2, 0x81010002, false);
    write_index(fixture, 0x01c0000b, nonce, 20);
    expect_key(fixture, TPM_ENDORSEMENT_L2, 0x81010002, true);
    expect_key(fixture, TPM_ENDORSEMENT_H2, 0x81010014, false);
    write_template(fixture, 0x01c00015, &high);
    expect_key(fixture, TPM_ENDORSEMENT_H2, 0x81010014, true);

    write_index(fixture, 0x01c0000b, nonce, sizeof(nonce));
    assert_int_equal(
        tpm_endorsement_read(fixture->tpm, TPM_ENDORSEMENT_L2, &fixture->reason, &none),
        OUTCOME_TOO_LARGE);
    assert_says(fixture, "nonce");
    /* what swtpm_setup --allow-signing does */
    high.publicArea.objectAttributes |= TPMA_OBJECT_SIGN_ENCRYPT;
    write_template(fixture, 0x01c00015, &high);
    assert_int_equal(
        tpm_endorsement_read(fixture->tpm, TPM_ENDORSEMENT_H2, &fixture->reason, &none),
        OUTCOME_TPM_UNABLE);
    assert_says(fixture, "tpm2_nvread 0x1c00015");
    write_index(fixture, 0x01c00015, nonce, sizeof(nonce));
    assert_int_equal(
        tpm_endorsement_read(fixture->tpm, TPM_ENDORSEMENT_H2, &fixture->reason, &none),
        OUTCOME_TPM_UNABLE);
    assert_nothing_left(fixture);
}

static void test_certificate(void **state)
{
    Fixture *fixture = *state;
    _cleanup_(host_done) Host host = {0}, other = {0};
    uint8_t bytes[1300];

    memset(bytes, 0xff, sizeof(bytes));
    memcpy(bytes, (const uint8_t[]){0x30, 0x82, 0x04, 0x4c}, 4); /* 1100 bytes */
    for (size_t i = 4; i < 1104; i++)
        bytes[i] = (uint8_t)i;
    write_index(fixture, CERTIFICATE_INDEX, bytes, sizeof(bytes));
    assert_true(read_host(fixture, 2, &host));
    assert_true(
        bytes_view_equal(bytes_view(&host.endorsement.certificate), (BytesView){bytes, 1104}));
    assert_true(read_host(fixture, 0, &other)); /* it is that of another key */
    assert_int_equal(other.endorsement.certificate.size, 0);
}

/* --- as from a manufacturer --- */

/* $DIR/state is the state of a TPM by swtpm_setup, with certificates by the authorities in
 * $DIR/trust. */
static void manufacture(const TestFolder *folder)
{
    setenv("DIR", folder->path, 1);
    assert_int_equal(
        system("set -e; cd \"$DIR\"; exec >log 2>&1; mkdir ca state trust\n"
               "printf '%s\\n' \"statedir = $DIR/ca\" \"signingkey = $DIR/ca/signkey.pem\" "
               "\"issuercert = $DIR/ca/issuercert.pem\" \"certserial = $DIR/ca/certserial\" "
               ">ca.conf\n"
               "printf -- '--platform-manufacturer x\\n--platform-version 1\\n--platform-model "
               "x\\n' >ca.options\n"
               "printf '%s\\n' \"create_certs_tool = $(command -v swtpm_localca)\" "
               "\"create_certs_tool_config = $DIR/ca.conf\" "
               "\"create_certs_tool_options = $DIR/ca.options\" >setup.conf\n"
               "swtpm_setup --tpm2 --tpm-state state --create-ek-cert --config setup.conf\n"
               "cat ca/swtpm-localca-rootca-cert.pem ca/issuercert.pem >trust/both.pem"),
        0);
}

/* swtpm_setup makes what TPMs have that one can buy: RSA-2048 in the low range and P-384 in the
 * high one, persistent and with certificates. They are the keys that we create. */
static void test_manufactured(void **state)
{
    static const TpmEndorsementKind made[] = {TPM_ENDORSEMENT_L1, TPM_ENDORSEMENT_H3};
    static const TPM2_HANDLE handles[] = {0x81010001, 0x81010016};
    TestFolder folder = test_folder();
    Fixture fixture = {0};
    _cleanup_(tpm_authorities_freep) TpmAuthorities *trust = NULL;
    char state_path[96];
    uint64_t now;

    (void)state;
    if (system("command -v swtpm_setup swtpm_localca certtool >/dev/null 2>&1") != 0)
        test_skip("swtpm_setup is not installed");
    manufacture(&folder);
    snprintf(state_path, sizeof(state_path), "%s/state", folder.path);
    assert_int_equal(tpm_authorities_load(test_path(&folder, "trust"), &fixture.reason, &trust), 0);
    assert_int_equal(context_system(&fixture.context), 0);
    now = fixture.context.now(&fixture.context) + UINT64_C(60) * 1000 * 1000;
    assert_int_equal(swtpm_start(state_path, &fixture.swtpm), 0);
    assert_int_equal(tap_open(fixture.swtpm, &fixture.tpm), 0);
    for (size_t password = 0; password < 2; password++) {
        TpmEndorsement read[2] = {0};
        TpmStorageKey key;

        if (password)
            assert_int_equal(hardship_endorsement_password(fixture.swtpm), 0);
        for (size_t i = password; i < 2; i++) { /* then only that of the high range */
            expect_key(&fixture, made[i], handles[i], true);
            assert_int_equal(tpm_endorsement_read(fixture.tpm, made[i], &fixture.reason, &read[i]),
                             0);
        }
        for (size_t i = password; i < 2; i++) {
            assert_int_equal(tpm_endorsement_key_parse(bytes_view(&read[i].area), NULL, &key), 0);
            assert_int_equal(tpm_certificate_check(bytes_view(&read[i].certificate), &key, trust,
                                                   now, &fixture.reason),
                             0);
            assert_int_equal(tpm_certificate_check(bytes_view(&read[1 - i].certificate), &key,
                                                   trust, now, &fixture.reason),
                             OUTCOME_BAD_IDENTITY);
        }
        tpm_endorsement_done(&read[0]);
        tpm_endorsement_done(&read[1]);
    }
    tpm_free(fixture.tpm);
    swtpm_stop(fixture.swtpm);
    test_folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_only_endorsement_keys),
        with_tpm(test_password),
        with_tpm(test_password_and_persistent_keys),
        with_tpm(test_vendor_templates),
        with_tpm(test_certificate),
        cmocka_unit_test(test_manufactured),
    };

    return run_with_swtpm(tests);
}
