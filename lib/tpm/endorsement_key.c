/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creates endorsement keys. See tpm_internal.h and key_template.h.
 */

#include "tpm/tpm_internal.h"

#include <string.h>
#include <tss2/tss2_mu.h>

/* The parameter number of the template in TPM2_CreatePrimary. */
#define TEMPLATE_PARAMETER 2U

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

int tpm_endorsement_response(TSS2_RC rc, const char *doing, Reason *reason)
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

int tpm_endorsement_new(Tpm *tpm, const TpmKeyTemplate *template, Reason *reason, TpmHandle *ret,
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
        return tpm_endorsement_response(rc, "creating the endorsement key", reason);
    *ret = (TpmHandle){.tpm = tpm, .tr = tr};
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, bytes, sizeof(bytes), &size) != TSS2_RC_SUCCESS)
        return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's response cannot be marshalled");
    return bytes_dup((BytesView){bytes, size}, ret_area);
}
