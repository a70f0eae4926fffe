/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unseals a key. See tpm.h.
 *
 * A single salted policy session meets the policy, encrypts the key on its way and authenticates
 * the response; systemd uses two sessions. It starts after the object is loaded: a salt for another
 * TPM's storage key would only show as a failed authorisation, which counts towards the dictionary
 * attack lockout. We never ask the TPM for what the header already says, so that a pinned
 * credential without PCRs takes four commands, and a legacy one with PCRs seven.
 *
 * A signed policy (authorize.c) comes before literal PCRs, because it discards everything before
 * it. It takes five more commands.
 *
 * TCG TPM 2.0 Library, Part 3, 12.7 (Unseal), 13.3 (Import), 23.7 (PolicyPCR).
 */

#include "tpm/blob.h"
#include "tpm/policy.h"
#include "tpm/tpm_internal.h"

#include <string.h>

/* --- before the TPM is asked --- */

/* Without literal PCRs the policy is known in advance: zeros, or the signer's. */
static int check_policy(const TpmSealedView *sealed, const TpmSigner *signer, Reason *reason)
{
    static const TpmPcrs no_pcrs = {0};
    uint8_t policy[TPM_POLICY_BYTES];

    tpm_policy_of(signer, &no_pcrs, policy);
    if (sealed->pcr_mask == 0 &&
        !bytes_view_equal(sealed->policy_hash, (BytesView){policy, sizeof(policy)}))
        return reason_set(reason, OUTCOME_UNSUPPORTED,
                          "sealed for a policy that the header does not describe");
    return 0;
}

static int check_header(const TpmSealedView *sealed, Reason *reason)
{
    if ((sealed->pcr_mask | sealed->public_key_mask) & ~TPM_PCR_MASK_ALL)
        return reason_set(reason, OUTCOME_MALFORMED, "the header names PCRs above %u",
                          TPM_PCR_COUNT - 1);
    if ((sealed->pcr_mask | sealed->public_key_mask) != 0 &&
        tpm_bank_digest_bytes(sealed->pcr_bank) == 0)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the header names PCR bank 0x%04x, which does "
                          "not exist",
                          sealed->pcr_bank);
    if (sealed->srk.size == 0 && sealed->primary_alg != TPM_ALGORITHM_ECC &&
        sealed->primary_alg != TPM_ALGORITHM_RSA)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the header names a storage key of an unknown type, 0x%04x",
                          sealed->primary_alg);
    return 0;
}

/* Checks everything that can be checked without the TPM. RET_SIGNER is only set with a public key.
 */
static int check(const TpmSealedView *sealed, Reason *reason, TpmBlob *ret_blob,
                 TpmSigner *ret_signer)
{
    bool is_signed = sealed->public_key.size != 0;
    int r = check_header(sealed, reason);

    if (r == 0)
        r = tpm_blob_parse(sealed->blob, sealed->policy_hash, reason, ret_blob);
    if (r == 0 && is_signed)
        r = tpm_signer_parse(sealed->public_key, reason, ret_signer);
    if (r != 0)
        return r;
    if (is_signed && sealed->public_key_mask == 0)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the header has a public key for a PCR policy, but no PCRs");
    if (is_signed && sealed->signatures.size == 0)
        return reason_set(reason, OUTCOME_TPM_NO_SIGNATURE,
                          "it is sealed for a signed PCR policy, but there are no signatures");
    return check_policy(sealed, is_signed ? ret_signer : NULL, reason);
}

/* --- the object --- */

/* The parameter number of the seed in TPM2_Import. */
#define SEED_PARAMETER 4U

/* Whether TPM2_Import failed because the seed is for another storage key: the TPM rejects it or,
 * like libtpms for RSA, pretends to be in failure mode. */
static bool is_seed_refused(Tpm *tpm, TSS2_RC rc)
{
    if (tpm_response_base(rc) == TPM2_RC_FAILURE)
        return tpm_is_well(tpm);
    return tpm_response_parameter(rc) == SEED_PARAMETER;
}

/* Imports BLOB, which was sealed outside the TPM, so that the TPM can load it. */
static int import(const TpmHandle *primary, Reason *reason, TpmBlob *blob)
{
    static const TPM2B_DATA no_inner_key = {0};
    static const TPMT_SYM_DEF_OBJECT no_inner_wrapper = {.algorithm = TPM2_ALG_NULL};
    _cleanup_(esys_freep) TPM2B_PRIVATE *imported = NULL;
    TSS2_RC rc;

    rc = Esys_Import(primary->tpm->esys, primary->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                     &no_inner_key, &blob->public_part, &blob->private_part, &blob->seed,
                     &no_inner_wrapper, &imported);
    if (is_seed_refused(primary->tpm, rc))
        return reason_set(reason, OUTCOME_TPM_FOREIGN,
                          "importing the sealed key: it is for another storage key (0x%x)", rc);
    if (rc == TSS2_RC_SUCCESS)
        blob->private_part = *imported;
    return tpm_primary_response(primary->tpm, rc, "importing the sealed key", reason);
}

static int load(const TpmHandle *primary, TpmBlob *blob, Reason *reason, TpmHandle *ret)
{
    ESYS_TR tr;
    TSS2_RC rc;
    int r;

    if (blob->seed.size != 0) {
        r = import(primary, reason, blob);
        if (r != 0)
            return r;
    }
    rc = Esys_Load(primary->tpm->esys, primary->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                   &blob->private_part, &blob->public_part, &tr);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_primary_response(primary->tpm, rc, "loading the sealed key", reason);
    *ret = (TpmHandle){.tpm = primary->tpm, .tr = tr};
    return 0;
}

/* --- the policy and the key --- */

/* RET_RC is PCR_CHANGED if a PCR changed between the parts of the policy, otherwise success. */
static int satisfy_policy(const TpmHandle *session, const TpmSealedView *sealed,
                          const TpmSigner *signer, Reason *reason, TSS2_RC *ret_rc)
{
    int r;

    *ret_rc = TSS2_RC_SUCCESS;
    if (sealed->public_key.size != 0) {
        r = tpm_authorize(session, sealed, signer, reason);
        if (r != 0)
            return r;
    }
    if (sealed->pcr_mask == 0)
        return 0;
    *ret_rc = tpm_pcr_policy(session, sealed->pcr_mask, sealed->pcr_bank);
    return tpm_response_base(*ret_rc) == TPM2_RC_PCR_CHANGED
               ? 0
               : tpm_response(*ret_rc, "checking the PCRs", reason);
}

/* Moves the TPM's response to a secret and wipes every copy of it. */
static int take_key(Tpm *tpm, TPM2B_SENSITIVE_DATA *data, Reason *reason, Secret **ret_key)
{
    BytesView bytes = {data->buffer, data->size};
    Secret *key = NULL;
    int r;

    if (bytes.size == TPM_KEY_BYTES)
        r = secret_new_from(bytes, reason, &key);
    else
        r = reason_set(reason, OUTCOME_MALFORMED, "the sealed key has %zu bytes instead of %zu",
                       bytes.size, TPM_KEY_BYTES);
    if (bytes.size == TPM_KEY_BYTES)
        tpm_scrub(tpm, bytes);
    secret_erase(data, sizeof(*data));
    if (r == 0)
        *ret_key = key;
    return r;
}

/* Runs TPM2_Unseal, and again with a new policy if a PCR changed after the policy was checked.
 * Success ends SESSION. SIGNER is only used with a public key. */
static int unseal(const TpmHandle *object, TpmHandle *session, const TpmSealedView *sealed,
                  const TpmSigner *signer, Reason *reason, Secret **ret_key)
{
    _cleanup_(esys_freep) TPM2B_SENSITIVE_DATA *data = NULL;
    ESYS_CONTEXT *esys = object->tpm->esys;
    TSS2_RC rc = TPM2_RC_PCR_CHANGED;
    int r;

    for (int attempt = 0;
         attempt < TPM_PCR_ATTEMPTS && tpm_response_base(rc) == TPM2_RC_PCR_CHANGED; attempt++) {
        if (attempt > 0) {
            rc = Esys_PolicyRestart(esys, session->tr, NO_SESSIONS);
            if (rc != TSS2_RC_SUCCESS)
                return tpm_response(rc, "checking the PCRs again", reason);
        }
        r = satisfy_policy(session, sealed, signer, reason, &rc);
        if (r != 0)
            return r;
        if (rc == TSS2_RC_SUCCESS)
            rc = Esys_Unseal(esys, object->tr, session->tr, ESYS_TR_NONE, ESYS_TR_NONE, &data);
    }
    if (tpm_response_base(rc) == TPM2_RC_POLICY_FAIL)
        return tpm_pcr_mismatch(object->tpm, sealed, reason);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_session_response(rc, "unsealing the key", reason);
    tpm_handle_forget(session);
    return take_key(object->tpm, data, reason, ret_key);
}

int tpm_unseal(Tpm *tpm, const TpmSealedView *sealed, Reason *reason, Secret **ret_key)
{
    _cleanup_(tpm_handle_done) TpmHandle primary = {0};
    _cleanup_(tpm_handle_done) TpmHandle object = {0};
    _cleanup_(tpm_handle_done) TpmHandle session = {0};
    TpmSigner signer = {0};
    TpmBlob blob;
    int r;

    r = check(sealed, reason, &blob, &signer);
    if (r == 0)
        r = tpm_begin(tpm, reason);
    if (r != 0)
        return r;
    if (sealed->srk.size != 0)
        r = tpm_primary_new_pinned(tpm, sealed->srk, reason, &primary);
    else
        r = tpm_primary_new_legacy(tpm, sealed->primary_alg, reason, &primary);
    if (r == 0)
        r = load(&primary, &blob, reason, &object);
    if (r == 0)
        r = tpm_session_start(&primary, TPM2_SE_POLICY, reason, &session);
    if (r == 0)
        r = unseal(&object, &session, sealed, &signer, reason, ret_key);
    return r;
}
