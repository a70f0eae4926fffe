/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signed PCR policies. See tpm_internal.h.
 *
 * The sealed key's policy only names the signer. So we let the TPM check the PCRs, which yields a
 * policy digest, and find a signature of that digest. The TPM verifies it, which yields a ticket.
 * With the ticket the TPM replaces the digest by the one of the signer's name. The TPM checks every
 * step, and without a signature the last one fails, so that nothing here needs to be trusted.
 *
 * TCG TPM 2.0 Library, Part 3, 12.3 (LoadExternal), 20.1 (VerifySignature), 23.6 (PolicyGetDigest),
 * 23.16 (PolicyAuthorize).
 */

#include "tpm/policy.h"
#include "tpm/signature.h"
#include "tpm/tpm_internal.h"

#include <sodium.h>
#include <string.h>

/* Applies the policy of the current signed PCRs to SESSION, and returns its digest. */
static int check_pcrs(const TpmHandle *session, const TpmSealedView *sealed, Reason *reason,
                      TPM2B_DIGEST *ret)
{
    _cleanup_(esys_freep) TPM2B_DIGEST *digest = NULL;
    TSS2_RC rc = tpm_pcr_policy(session, sealed->public_key_mask, sealed->pcr_bank);

    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_PolicyGetDigest(session->tpm->esys, session->tr, NO_SESSIONS, &digest);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "checking the signed PCRs", reason);
    if (digest->size != TPM_POLICY_BYTES)
        return reason_set(reason, OUTCOME_TPM_FAILED,
                          "checking the signed PCRs: the response is not valid");
    *ret = *digest;
    return 0;
}

static int find_signature(Tpm *tpm, const TpmSealedView *sealed, const TpmSigner *signer,
                          const TPM2B_DIGEST *policy, Reason *reason, TpmSignature *ret)
{
    TpmSignatureQuery query = {
        .bank = sealed->pcr_bank,
        .mask = sealed->public_key_mask,
        .fingerprint = signer->fingerprint,
        .policy = policy->buffer,
    };
    int r = tpm_signature_find(sealed->signatures, &query, reason, ret);
    TpmPcrs present;

    if (r != OUTCOME_TPM_PCR_MISMATCH && r != OUTCOME_TPM_NO_SIGNATURE)
        return r;
    /* nobody signs a policy on PCRs that the TPM lacks */
    if (tpm_pcr_peek(tpm, query.mask, query.bank, NULL, &present) == OUTCOME_TPM_UNABLE)
        return tpm_pcr_unable(query.mask, query.bank, reason);
    if (r == OUTCOME_TPM_PCR_MISMATCH)
        tpm_pcr_append_causes(query.mask, reason);
    return r;
}

/* The parameter number of the public key in TPM2_LoadExternal. */
#define PUBLIC_PARAMETER 2U

static int load_signer(Tpm *tpm, const TpmSigner *signer, Reason *reason, TpmHandle *ret)
{
    ESYS_TR tr;
    TSS2_RC rc;

    /* Tickets belong to a hierarchy; without one there would be no ticket. */
    rc = Esys_LoadExternal(tpm->esys, NO_SESSIONS, NULL, &signer->public_part, ESYS_TR_RH_OWNER,
                           &tr);
    if (tpm_response_parameter(rc) == PUBLIC_PARAMETER)
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the TPM cannot use the PCR policy's public key, RSA-%u (0x%x)",
                          signer->public_part.publicArea.parameters.rsaDetail.keyBits, rc);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "loading the PCR policy's public key", reason);
    *ret = (TpmHandle){.tpm = tpm, .tr = tr};
    return 0;
}

/* Verifies that KEY has signed POLICY. ESYS allocates RET_TICKET, which says so. */
static int verify(const TpmHandle *key, const TPM2B_DIGEST *policy, const TpmSignature *signature,
                  Reason *reason, TPMT_TK_VERIFIED **ret_ticket)
{
    TPM2B_DIGEST digest = {.size = crypto_hash_sha256_BYTES};
    TPMT_SIGNATURE area = {
        .sigAlg = TPM2_ALG_RSASSA,
        .signature.rsassa = {.hash = TPM2_ALG_SHA256, .sig.size = (UINT16)signature->size},
    };
    TSS2_RC rc;

    crypto_hash_sha256(digest.buffer, policy->buffer, policy->size);
    memcpy(area.signature.rsassa.sig.buffer, signature->bytes, signature->size);
    rc = Esys_VerifySignature(key->tpm->esys, key->tr, NO_SESSIONS, &digest, &area, ret_ticket);
    if (tpm_response_base(rc) == TPM2_RC_SIGNATURE || tpm_response_base(rc) == TPM2_RC_SIZE)
        return reason_set(reason, OUTCOME_TPM_NO_SIGNATURE,
                          "the signature of the PCR policy was not made by the credential's key");
    return tpm_response(rc, "verifying the signature of the PCR policy", reason);
}

int tpm_authorize(const TpmHandle *session, const TpmSealedView *sealed, const TpmSigner *signer,
                  Reason *reason)
{
    static const TPM2B_NONCE no_reference = {0};
    _cleanup_(tpm_handle_done) TpmHandle key = {0};
    _cleanup_(esys_freep) TPMT_TK_VERIFIED *ticket = NULL;
    TPM2B_NAME name = {.size = TPM_NAME_BYTES};
    TpmSignature signature;
    TPM2B_DIGEST policy;
    TSS2_RC rc;
    int r;

    r = check_pcrs(session, sealed, reason, &policy);
    if (r == 0)
        r = find_signature(session->tpm, sealed, signer, &policy, reason, &signature);
    if (r == 0)
        r = load_signer(session->tpm, signer, reason, &key);
    if (r == 0)
        r = verify(&key, &policy, &signature, reason, &ticket);
    if (r != 0)
        return r;
    memcpy(name.name, signer->name, TPM_NAME_BYTES);
    rc = Esys_PolicyAuthorize(session->tpm->esys, session->tr, NO_SESSIONS, &policy, &no_reference,
                              &name, ticket);
    return tpm_response(rc, "using the signed PCR policy", reason);
}
