/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Storage keys: the legacy primary, which every systemd since 248 creates for each call, and the
 * persistent storage root key, which systemd 262 pins. See tpm_internal.h.
 *
 * They have different attributes, and are therefore different keys: what is sealed under one does
 * not open under the other. See docs/FORMAT.md, "TPM objects".
 */

#include "tpm/tpm_internal.h"

#include "tpm/storage_key.h"

_Static_assert(TPM_LEGACY_ATTRIBUTES ==
                   (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT),
               "another template would be another key");

#define RSA_BITS 2048U

static TPMT_PUBLIC legacy_template(uint16_t algorithm)
{
    static const TPMT_SYM_DEF_OBJECT cipher = {
        .algorithm = TPM2_ALG_AES,
        .keyBits.aes = TPM_AES_BITS,
        .mode.aes = TPM2_ALG_CFB,
    };
    TPMT_PUBLIC area = {
        .type = algorithm,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPM_LEGACY_ATTRIBUTES,
    };

    if (algorithm == TPM_ALGORITHM_RSA) {
        area.parameters.rsaDetail.symmetric = cipher;
        area.parameters.rsaDetail.scheme.scheme = TPM2_ALG_NULL;
        area.parameters.rsaDetail.keyBits = RSA_BITS;
    } else {
        area.parameters.eccDetail.symmetric = cipher;
        area.parameters.eccDetail.scheme.scheme = TPM2_ALG_NULL;
        area.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
        area.parameters.eccDetail.kdf.scheme = TPM2_ALG_NULL;
    }
    return area;
}

/* The parameter number of the template in TPM2_CreatePrimary. */
#define TEMPLATE_PARAMETER 2U

int tpm_primary_new_legacy(Tpm *tpm, uint16_t algorithm, Reason *reason, TpmHandle *ret)
{
    static const TPM2B_SENSITIVE_CREATE no_password = {0};
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_PUBLIC template = {.publicArea = legacy_template(algorithm)};
    ESYS_TR tr;
    TSS2_RC rc;

    rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                            ESYS_TR_NONE, &no_password, &template, &no_data, &no_pcrs, &tr, NULL,
                            NULL, NULL, NULL);
    if (tpm_response_parameter(rc) == TEMPLATE_PARAMETER)
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the TPM cannot make a storage key with %s and AES-128-CFB (0x%x)",
                          algorithm == TPM_ALGORITHM_RSA ? "RSA-2048" : "P-256", rc);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "creating the storage key", reason);
    *ret = (TpmHandle){.tpm = tpm, .tr = tr};
    return 0;
}

int tpm_primary_new_default(Tpm *tpm, Reason *reason, TpmHandle *ret, uint16_t *ret_algorithm)
{
    int r;

    *ret_algorithm = TPM_ALGORITHM_ECC;
    r = tpm_primary_new_legacy(tpm, TPM_ALGORITHM_ECC, reason, ret);
    if (r != OUTCOME_TPM_UNABLE)
        return r;
    *ret_algorithm = TPM_ALGORITHM_RSA;
    return tpm_primary_new_legacy(tpm, TPM_ALGORITHM_RSA, reason, ret);
}

/* Whether the owner hierarchy, with all its keys, is switched off. */
static bool is_owner_off(Tpm *tpm)
{
    _cleanup_(esys_freep) TPMS_CAPABILITY_DATA *answer = NULL;
    const TPML_TAGGED_TPM_PROPERTY *properties;
    TPMI_YES_NO more;

    if (Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                           TPM2_CAP_TPM_PROPERTIES, TPM2_PT_STARTUP_CLEAR, 1, &more,
                           &answer) != TSS2_RC_SUCCESS)
        return false;
    properties = &answer->data.tpmProperties;
    return properties->count == 1 && properties->tpmProperty[0].property == TPM2_PT_STARTUP_CLEAR &&
           !(properties->tpmProperty[0].value & TPMA_STARTUP_CLEAR_SHENABLE);
}

int tpm_primary_response(Tpm *tpm, TSS2_RC rc, const char *doing, Reason *reason)
{
    int r = tpm_response(rc, doing, reason);

    if (r == OUTCOME_TPM_NO_SRK && is_owner_off(tpm))
        return tpm_response(TPM2_RC_HIERARCHY, doing, reason);
    return r;
}

int tpm_primary_new_pinned(Tpm *tpm, BytesView srk, Reason *reason, TpmHandle *ret)
{
    ESYS_TR tr;
    TSS2_RC rc;
    TpmSrk parsed;
    int r = tpm_srk_parse(srk, reason, &parsed);

    if (r != 0)
        return r;
    /* This sends nothing: ESYS salts sessions with the public key in SRK. If we read it from the
     * TPM, an interposer could substitute its own. */
    rc = Esys_TR_Deserialize(tpm->esys, srk.data, srk.size, &tr);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "reading the pinned storage root key", reason);
    *ret = (TpmHandle){.tpm = tpm, .tr = tr, .persistent = true};
    return 0;
}

int tpm_primary_new_srk(Tpm *tpm, Reason *reason, TpmHandle *ret, Bytes *ret_srk,
                        uint16_t *ret_algorithm)
{
    _cleanup_(tpm_handle_done) TpmHandle key = {.tpm = tpm, .persistent = true};
    _cleanup_(esys_freep) uint8_t *bytes = NULL;
    size_t size;
    TpmSrk parsed;
    TSS2_RC rc;
    int r;

    rc = Esys_TR_FromTPMPublic(tpm->esys, TPM_SRK_HANDLE, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                               &key.tr);
    if (rc != TSS2_RC_SUCCESS) {
        key = (TpmHandle){0};
        return tpm_primary_response(tpm, rc, "reading the storage root key", reason);
    }
    rc = Esys_TR_Serialize(tpm->esys, key.tr, &bytes, &size);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "serialising the storage root key", reason);
    if (tpm_srk_parse((BytesView){bytes, size}, reason, &parsed) != 0)
        return reason_set(reason, OUTCOME_TPM_NO_SRK,
                          "the object at 0x81000001 is not a storage key");
    r = bytes_dup((BytesView){bytes, size}, ret_srk);
    if (r != 0)
        return r;
    *ret = TAKE(key);
    *ret_algorithm = parsed.algorithm;
    return 0;
}
