/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seals a fresh key. See tpm.h.
 *
 * This takes five commands: create the storage key, start a session, read the PCRs if there are
 * any, create the object, flush the storage key. The session ends with its last command. We make
 * the key with the Context's randomness, not in the TPM: it travels encrypted, and the caller needs
 * it anyway.
 */

#include "tpm/blob.h"
#include "tpm/policy.h"
#include "tpm/tpm_internal.h"

#include <string.h>

static void sensitive_done(TPM2B_SENSITIVE_CREATE *sensitive)
{
    secret_erase(sensitive, sizeof(*sensitive));
}

/* Runs TPM2_Create with SEALED's policy, and adds the object to it. Ends SESSION. */
static int create(const TpmHandle *primary, TpmHandle *session, const Secret *key, Reason *reason,
                  TpmSealed *sealed)
{
    static const TPM2B_DATA no_data = {0};
    static const TPML_PCR_SELECTION no_pcrs = {0};
    _cleanup_(sensitive_done) TPM2B_SENSITIVE_CREATE sensitive = {0};
    _cleanup_(esys_freep) TPM2B_PRIVATE *private_part = NULL;
    _cleanup_(esys_freep) TPM2B_PUBLIC *public_part = NULL;
    TPM2B_PUBLIC template = {
        .publicArea =
            {
                .type = TPM2_ALG_KEYEDHASH,
                .nameAlg = TPM2_ALG_SHA256,
                .objectAttributes = TPM_SEALED_ATTRIBUTES,
                .authPolicy.size = TPM_POLICY_BYTES,
                .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
            },
    };
    TpmBlob parsed;
    TSS2_RC rc;
    int r;

    memcpy(template.publicArea.authPolicy.buffer, sealed->policy_hash.data, TPM_POLICY_BYTES);
    sensitive.sensitive.data.size = TPM_KEY_BYTES;
    memcpy(sensitive.sensitive.data.buffer, secret_view(key).data, TPM_KEY_BYTES);
    r = tpm_session_set_attributes(session, TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT, reason);
    if (r != 0)
        return r;
    rc = Esys_Create(primary->tpm->esys, primary->tr, session->tr, ESYS_TR_NONE, ESYS_TR_NONE,
                     &sensitive, &template, &no_data, &no_pcrs, &private_part, &public_part, NULL,
                     NULL, NULL);
    tpm_scrub(primary->tpm, secret_view(key));
    /* The legacy primary has no password. */
    if (primary->persistent && tpm_response_base(rc) == TPM2_RC_BAD_AUTH)
        return reason_set(
            reason, OUTCOME_TPM_PASSWORD,
            "sealing a key: the storage root key has a password, or messages are modified "
            "on their way to the TPM (0x%x)",
            rc);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_session_response(rc, "sealing a key", reason);
    tpm_handle_forget(session);
    r = tpm_blob_write(private_part, public_part, reason, &sealed->blob);
    if (r != 0)
        return r;
    /* The public part comes from the TPM. Do not write what we would refuse to read. */
    if (tpm_blob_parse(bytes_view(&sealed->blob), bytes_view(&sealed->policy_hash), reason,
                       &parsed) != 0)
        return reason_set(reason, OUTCOME_TPM_FAILED,
                          "the TPM created a different object than requested");
    return 0;
}

/* Reports mistakes in a request before the TPM is used. */
static int check_request(const TpmSealRequest *request, Reason *reason)
{
    TpmSigner signer;

    if ((request->pcrs.mask | request->public_key_mask) & ~TPM_PCR_MASK_ALL)
        return reason_set(reason, OUTCOME_USAGE, "there are no PCRs above %u", TPM_PCR_COUNT - 1);
    if (request->pcrs.bank != 0 && tpm_bank_digest_bytes(request->pcrs.bank) == 0)
        return reason_set(reason, OUTCOME_USAGE, "there is no PCR bank 0x%04x", request->pcrs.bank);
    if (request->pcrs.given != 0 && request->pcrs.bank == 0)
        return reason_set(reason, OUTCOME_USAGE, "PCR values need a bank");
    if (request->public_key.size == 0)
        return 0;
    return tpm_signer_parse_for(request->public_key, request->public_key_mask, reason, &signer);
}

int tpm_seal(Tpm *tpm, const Context *context, const TpmSealRequest *request, Reason *reason,
             TpmSealed *ret, Secret **ret_key)
{
    _cleanup_(tpm_handle_done) TpmHandle primary = {0};
    _cleanup_(tpm_handle_done) TpmHandle session = {0};
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    uint64_t signed_mask = request->public_key.size > 0 ? request->public_key_mask : 0;
    TpmPcrs pcrs;
    int r;

    r = check_request(request, reason);
    if (r == 0)
        r = secret_new_random(context, TPM_KEY_BYTES, reason, &key);
    if (r == 0)
        r = tpm_begin(tpm, reason);
    if (r == 0)
        r = request->pinned
                ? tpm_primary_new_srk(tpm, reason, &primary, &sealed.srk, &sealed.primary_alg)
                : tpm_primary_new_default(tpm, reason, &primary, &sealed.primary_alg);
    if (r == 0)
        r = tpm_session_start(&primary, TPM2_SE_HMAC, reason, &session);
    if (r == 0)
        r = tpm_pcr_complete(&session, &request->pcrs, signed_mask, reason, &pcrs);
    if (r == 0)
        r = tpm_policy_describe(&pcrs, request->public_key, signed_mask, reason, &sealed);
    if (r == 0)
        r = create(&primary, &session, key, reason, &sealed);
    if (r != 0)
        return r;
    *ret = TAKE(sealed);
    *ret_key = TAKE_PTR(key);
    return 0;
}

int tpm_has_srk(Tpm *tpm, Reason *reason, bool *ret)
{
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    _cleanup_(bytes_done) Bytes srk = {0};
    uint16_t algorithm;
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = tpm_primary_new_srk(tpm, reason, &key, &srk, &algorithm);
    if (r != 0 && r != OUTCOME_TPM_NO_SRK)
        return r;
    *ret = r == 0;
    return 0;
}
