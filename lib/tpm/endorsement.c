/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Endorsement keys and TPM2_ActivateCredential. See endorsement.h.
 *
 * Templates, and the NV indices of certificates: TCG EK Credential Profile for TPM Family 2.0,
 * Annex B and 2.2.1. TPM2_ActivateCredential: TCG TPM 2.0 Library, Part 3, 12.5.
 */

#include "tpm/endorsement.h"

#include "tpm/blob.h"
#include "tpm/tpm_internal.h"

#include <errno.h>
#include <string.h>
#include <tss2/tss2_mu.h>

/* NV indices of certificates. */
static const TPM2_HANDLE certificates[_TPM_ENDORSEMENT_MAX] = {
    [TPM_ENDORSEMENT_L1] = 0x01c00002, [TPM_ENDORSEMENT_L2] = 0x01c0000a,
    [TPM_ENDORSEMENT_H1] = 0x01c00012, [TPM_ENDORSEMENT_H2] = 0x01c00014,
    [TPM_ENDORSEMENT_H3] = 0x01c00016, [TPM_ENDORSEMENT_H6] = 0x01c0001c,
    [TPM_ENDORSEMENT_H7] = 0x01c0001e,
};

/* How much of an NV index is read at a time, bytes: every TPM can do so. */
#define NV_STEP            ((size_t)512)
/* The parameter number of the template in TPM2_CreatePrimary. */
#define TEMPLATE_PARAMETER 2U

void tpm_endorsement_done(TpmEndorsement *endorsement)
{
    bytes_done(&endorsement->area);
    bytes_done(&endorsement->certificate);
    *endorsement = (TpmEndorsement){0};
}

/* --- the key --- */

/* Templates of the low range begin with a unique part of zeros, those of the high one with none. */
static TPMT_PUBLIC template_of(const TpmKeyTemplate *template)
{
    const TPMT_SYM_DEF_OBJECT cipher = {
        .algorithm = TPM2_ALG_AES,
        .keyBits.aes = template->cipher_bits,
        .mode.aes = TPM2_ALG_CFB,
    };
    uint16_t unique = template->role == TPM_ENDORSEMENT_LOW ? template->bits / 8 : 0;
    TPMT_PUBLIC area = {
        .type = template->algorithm,
        .nameAlg = template->hash == TCG_SHA384 ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256,
        .objectAttributes = template->attributes,
        .authPolicy.size = (UINT16) template->policy.size,
    };

    memcpy(area.authPolicy.buffer, template->policy.data, template->policy.size);
    if (template->algorithm == TPM_ALGORITHM_RSA) {
        area.parameters.rsaDetail = (TPMS_RSA_PARMS){
            .symmetric = cipher, .scheme.scheme = TPM2_ALG_NULL, .keyBits = template->bits};
        area.unique.rsa.size = unique;
    } else {
        area.parameters.eccDetail = (TPMS_ECC_PARMS){
            .symmetric = cipher,
            .scheme.scheme = TPM2_ALG_NULL,
            .curveID = template->curve == ECDH_P384 ? TPM2_ECC_NIST_P384 : TPM2_ECC_NIST_P256,
            .kdf.scheme = TPM2_ALG_NULL};
        area.unique.ecc.x.size = area.unique.ecc.y.size = unique;
    }
    return area;
}

static int endorsement_response(TSS2_RC rc, const char *doing, Reason *reason)
{
    TSS2_RC base = tpm_response_base(rc);

    if (base == TPM2_RC_BAD_AUTH || base == TPM2_RC_AUTH_FAIL)
        return reason_set(reason, OUTCOME_TPM_PASSWORD,
                          "%s: the endorsement hierarchy has a password. Remove it: "
                          "tpm2_changeauth -c endorsement -p PASSWORD (0x%x)",
                          doing, rc);
    if (base == TPM2_RC_HIERARCHY)
        return reason_set(reason, OUTCOME_TPM_DISABLED,
                          "%s: the endorsement hierarchy is switched off (0x%x)", doing, rc);
    return tpm_response(rc, doing, reason);
}

/* Creates the key, and writes its TPM2B_PUBLIC. */
static int create(Tpm *tpm, const TpmKeyTemplate *template, Reason *reason, TpmHandle *ret,
                  Bytes *ret_area)
{
    static const TPM2B_SENSITIVE_CREATE no_password = {0};
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcrs = {0};
    _cleanup_(esys_freep) TPM2B_PUBLIC *area = NULL;
    TPM2B_PUBLIC wanted = {.publicArea = template_of(template)};
    uint8_t bytes[sizeof(*area)];
    size_t size = 0;
    ESYS_TR tr;
    TSS2_RC rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_ENDORSEMENT, ESYS_TR_PASSWORD,
                                    ESYS_TR_NONE, ESYS_TR_NONE, &no_password, &wanted, &no_data,
                                    &no_pcrs, &tr, &area, NULL, NULL, NULL);

    if (tpm_response_parameter(rc) == TEMPLATE_PARAMETER)
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the TPM cannot make an endorsement key with %s and AES-%u-CFB (0x%x)",
                          template->words, template->cipher_bits, rc);
    if (rc != TSS2_RC_SUCCESS)
        return endorsement_response(rc, "creating the endorsement key", reason);
    *ret = (TpmHandle){.tpm = tpm, .tr = tr};
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, bytes, sizeof(bytes), &size) != TSS2_RC_SUCCESS)
        return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's response cannot be marshalled");
    return bytes_dup((BytesView){bytes, size}, ret_area);
}

/* --- its certificate --- */

/* The size of the DER value at the start of VIEW, since vendors fill the rest of the index; 0 if
 * there is none. */
static size_t der_size(BytesView view)
{
    Reader reader = reader_new(view);
    uint16_t head = reader_u16be(&reader);
    size_t size = reader_u16be(&reader);

    return !reader.failed && head == 0x3082 && size <= reader.rest.size ? 4 + size : 0;
}

static int read_index(const TpmHandle *index, size_t size, Reason *reason, Writer *writer)
{
    while (writer->bytes.size < size && !writer->failed) {
        _cleanup_(esys_freep) TPM2B_MAX_NV_BUFFER *data = NULL;
        size_t rest = size - writer->bytes.size;
        TSS2_RC rc = Esys_NV_Read(
            index->tpm->esys, index->tr, index->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
            (UINT16)(rest < NV_STEP ? rest : NV_STEP), (UINT16)writer->bytes.size, &data);

        if (rc != TSS2_RC_SUCCESS)
            return tpm_response(rc, "reading the endorsement key's certificate", reason);
        if (data->size == 0)
            return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's response is empty");
        writer_bytes(writer, (BytesView){data->buffer, data->size});
    }
    return 0;
}

/* Leaves RET alone if there is none. */
static int read_certificate(Tpm *tpm, TPM2_HANDLE number, Reason *reason, Bytes *ret)
{
    _cleanup_(esys_freep) TPM2B_NV_PUBLIC *area = NULL;
    _cleanup_(tpm_handle_done) TpmHandle index = {.tpm = tpm, .persistent = true};
    _cleanup_(writer_done) Writer writer = {0};
    TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, number, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       &index.tr);
    size_t size;
    int r;

    if (rc != TSS2_RC_SUCCESS) {
        index = (TpmHandle){0};
        return tpm_response_base(rc) == TPM2_RC_HANDLE
                   ? 0
                   : tpm_response(rc, "looking for the endorsement key's certificate", reason);
    }
    rc = Esys_NV_ReadPublic(tpm->esys, index.tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area,
                            NULL);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "looking for the endorsement key's certificate", reason);
    if (area->nvPublic.dataSize > TPM_CERTIFICATE_BYTES_MAX)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the endorsement key's certificate has %u bytes, more than %zu",
                          area->nvPublic.dataSize, TPM_CERTIFICATE_BYTES_MAX);
    r = read_index(&index, area->nvPublic.dataSize, reason, &writer);
    if (r != 0)
        return r;
    if (writer.failed)
        return -ENOMEM;
    size = der_size(bytes_view(&writer.bytes));
    return size > 0 ? bytes_dup((BytesView){writer.bytes.data, size}, ret) : 0;
}

int tpm_endorsement_read(Tpm *tpm, TpmEndorsementKind kind, Reason *reason, TpmEndorsement *ret)
{
    _cleanup_(tpm_endorsement_done) TpmEndorsement endorsement = {0};
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = create(tpm, &tpm_endorsement_templates[kind], reason, &key, &endorsement.area);
    if (r == 0)
        r = read_certificate(tpm, certificates[kind], reason, &endorsement.certificate);
    if (r == 0)
        *ret = TAKE(endorsement);
    return r;
}

/* --- the answer --- */

typedef struct Parsed {
    TpmStorageKey endorsement, key;
    TPM2B_ID_OBJECT blob;
    TPM2B_ENCRYPTED_SECRET secret;
} Parsed;

static int parse(const TpmChallenge *challenge, Reason *reason, Parsed *ret)
{
    Reader reader = reader_new(challenge->blob);
    BytesView blob = tpm_2b_read(&reader), secret = tpm_2b_read(&reader);
    int r = tpm_endorsement_key_parse(challenge->endorsement, reason, &ret->endorsement);

    if (r == 0)
        r = tpm_storage_key_parse(challenge->key, reason, &ret->key);
    if (r != 0)
        return r;
    if (reader.failed || reader.rest.size > 0 || blob.size > sizeof(ret->blob.credential) ||
        secret.size > sizeof(ret->secret.secret))
        return reason_set(reason, OUTCOME_MALFORMED, "the challenge has the wrong size");
    ret->blob.size = (UINT16)blob.size;
    memcpy(ret->blob.credential, blob.data, blob.size);
    ret->secret.size = (UINT16)secret.size;
    memcpy(ret->secret.secret, secret.data, secret.size);
    return 0;
}

/* Loads the storage key that the challenge asks about, if this TPM has it. */
static int load_key(Tpm *tpm, const TpmStorageKey *key, Reason *reason, TpmHandle *ret)
{
    _cleanup_(esys_freep) TPM2B_NAME *name = NULL;
    _cleanup_(bytes_done) Bytes serialized = {0};
    uint16_t algorithm;
    TSS2_RC rc;
    int r = key->role == TPM_STORAGE_SRK
                ? tpm_primary_new_srk(tpm, reason, ret, &serialized, &algorithm)
                : tpm_primary_new_legacy(tpm, key->algorithm, reason, ret);

    if (r != 0)
        return r;
    rc = Esys_TR_GetName(tpm->esys, ret->tr, &name);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "reading the storage key's name", reason);
    if (!bytes_view_equal((BytesView){name->name, name->size},
                          (BytesView){key->name, sizeof(key->name)}))
        return reason_set(reason, OUTCOME_TPM_FOREIGN,
                          "the challenge is for a storage key that this TPM does not have");
    return 0;
}

/* Lets SESSION use an endorsement key of the low range. */
static int authorize(const TpmHandle *session, Reason *reason)
{
    return endorsement_response(Esys_PolicySecret(session->tpm->esys, ESYS_TR_RH_ENDORSEMENT,
                                                  session->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                  ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL),
                                "authorising the use of the endorsement key", reason);
}

/* Whether the TPM refused because the challenge is for other keys, or was changed. Like
 * TPM2_Import, libtpms then pretends to be in failure mode for some RSA keys. */
static bool is_refused(Tpm *tpm, TSS2_RC rc)
{
    TSS2_RC base = tpm_response_base(rc);

    if (base == TPM2_RC_FAILURE)
        return tpm_is_well(tpm);
    return base == TPM2_RC_INTEGRITY || tpm_response_parameter(rc) > 0;
}

static int reveal(const TpmHandle *endorsement, const TpmHandle *key, TpmHandle *session,
                  const Parsed *parsed, Reason *reason, Secret **ret)
{
    _cleanup_(esys_freep) TPM2B_DIGEST *secret = NULL;
    Tpm *tpm = key->tpm;
    TSS2_RC rc = Esys_ActivateCredential(tpm->esys, key->tr, endorsement->tr, ESYS_TR_PASSWORD,
                                         session->tpm ? session->tr : ESYS_TR_PASSWORD,
                                         ESYS_TR_NONE, &parsed->blob, &parsed->secret, &secret);
    int r;

    if (is_refused(tpm, rc))
        return reason_set(reason, OUTCOME_TPM_FOREIGN,
                          "the challenge was made for other keys, or changed on its way (0x%x)",
                          rc);
    if (rc != TSS2_RC_SUCCESS)
        return endorsement_response(rc, "answering the challenge", reason);
    tpm_handle_forget(session);
    r = secret_new_from((BytesView){secret->buffer, secret->size}, reason, ret);
    tpm_scrub(tpm, (BytesView){secret->buffer, secret->size});
    secret_erase(secret->buffer, secret->size);
    return r;
}

int tpm_activate(Tpm *tpm, const TpmChallenge *challenge, Reason *reason, Secret **ret)
{
    _cleanup_(tpm_handle_done) TpmHandle endorsement = {0};
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    _cleanup_(tpm_handle_done) TpmHandle session = {0};
    _cleanup_(bytes_done) Bytes area = {0};
    Parsed parsed = {0};
    int r = parse(challenge, reason, &parsed);

    if (r == 0)
        r = tpm_begin(tpm, reason);
    if (r == 0)
        r = create(tpm, parsed.endorsement.template, reason, &endorsement, &area);
    if (r == 0 && !bytes_view_equal(bytes_view(&area), challenge->endorsement))
        r = reason_set(reason, OUTCOME_TPM_FOREIGN,
                       "the challenge is for the endorsement key of another TPM");
    if (r == 0)
        r = load_key(tpm, &parsed.key, reason, &key);
    if (r == 0 && parsed.endorsement.role == TPM_ENDORSEMENT_LOW) {
        r = tpm_session_start(&key, TPM2_SE_POLICY, reason, &session);
        if (r == 0)
            r = authorize(&session, reason);
    }
    return r == 0 ? reveal(&endorsement, &key, &session, &parsed, reason, ret) : r;
}
