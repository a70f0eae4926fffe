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

#include <string.h>

_Static_assert(TPM_LEGACY_ATTRIBUTES ==
                   (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                    TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                    TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT),
               "another template would be another key");

/* The parameter number of the template in TPM2_CreatePrimary. */
#define TEMPLATE_PARAMETER 2U

/* Templates of the low range begin with a unique part of zeros, all others with none. */
TPMT_PUBLIC tpm_template_area(const TpmKeyTemplate *template)
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

    if (template->policy.size > 0)
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

TSS2_RC tpm_primary_create(Tpm *tpm, ESYS_TR hierarchy, const TPMT_PUBLIC *template, TpmHandle *ret,
                           TPM2B_PUBLIC **ret_area)
{
    static const TPM2B_SENSITIVE_CREATE no_password = {0};
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcrs = {0};
    TPM2B_PUBLIC wanted = {.publicArea = *template};
    ESYS_TR tr;
    TSS2_RC rc = Esys_CreatePrimary(tpm->esys, hierarchy, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                    ESYS_TR_NONE, &no_password, &wanted, &no_data, &no_pcrs, &tr,
                                    ret_area, NULL, NULL, NULL);

    if (rc == TSS2_RC_SUCCESS)
        *ret = (TpmHandle){.tpm = tpm, .tr = tr};
    return rc;
}

bool tpm_primary_is_refused(TSS2_RC rc)
{
    return tpm_response_parameter(rc) == TEMPLATE_PARAMETER;
}

int tpm_primary_new_legacy(Tpm *tpm, uint16_t algorithm, Reason *reason, TpmHandle *ret)
{
    const TpmKeyTemplate *template = tpm_storage_templates;
    TPMT_PUBLIC area;
    TSS2_RC rc;

    while (template->role != TPM_STORAGE_LEGACY || template->algorithm != algorithm)
        template ++;
    area = tpm_template_area(template);
    rc = tpm_primary_create(tpm, ESYS_TR_RH_OWNER, &area, ret, NULL);
    if (tpm_primary_is_refused(rc))
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the TPM cannot make a storage key with %s and AES-128-CFB (0x%x)",
                          template->words, rc);
    return tpm_response(rc, "creating the storage key", reason);
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

    if (Esys_GetCapability(tpm->esys, NO_SESSIONS, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_STARTUP_CLEAR,
                           1, &more, &answer) != TSS2_RC_SUCCESS)
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
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    _cleanup_(esys_freep) uint8_t *bytes = NULL;
    size_t size;
    TpmSrk parsed;
    TSS2_RC rc = tpm_handle_open(tpm, TPM_SRK_HANDLE, &key);
    int r;

    if (rc != TSS2_RC_SUCCESS)
        return tpm_primary_response(tpm, rc, "reading the storage root key", reason);
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
