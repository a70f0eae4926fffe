/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TPM2_ActivateCredential: TCG TPM 2.0 Library, Part 3, 12.5. See endorsement.h.
 */

#include "tpm/endorsement.h"

#include "tpm/challenge.h"
#include "tpm/tpm_internal.h"

#include <string.h>

typedef struct Parsed {
    TpmStorageKey endorsement, key;
    TPM2B_ID_OBJECT blob;
    TPM2B_ENCRYPTED_SECRET secret;
} Parsed;

_Static_assert(sizeof(((TPM2B_ID_OBJECT *)NULL)->credential) >= 2 * (2 + TCG_DIGEST_BYTES_MAX),
               "room for what tpm_challenge_parse() accepts");
_Static_assert(sizeof(((TPM2B_ENCRYPTED_SECRET *)NULL)->secret) >= OAEP_MODULUS_MAX_BYTES,
               "room for what tpm_challenge_parse() accepts");

static int parse(const TpmChallenge *challenge, Reason *reason, Parsed *ret)
{
    TpmChallengeParts parts;
    int r = tpm_endorsement_key_parse(challenge->endorsement, reason, &ret->endorsement);

    if (r == 0)
        r = tpm_storage_key_parse(challenge->key, reason, &ret->key);
    if (r == 0)
        r = tpm_challenge_parse(challenge->blob, &ret->endorsement, reason, &parts);
    if (r != 0)
        return r;
    ret->blob.size = (UINT16)parts.object.size;
    memcpy(ret->blob.credential, parts.object.data, parts.object.size);
    ret->secret.size = (UINT16)parts.secret.size;
    memcpy(ret->secret.secret, parts.secret.data, parts.secret.size);
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
    return tpm_endorsement_response(
        Esys_PolicySecret(session->tpm->esys, ESYS_TR_RH_ENDORSEMENT, session->tr, ESYS_TR_PASSWORD,
                          ESYS_TR_NONE, ESYS_TR_NONE, NULL, NULL, NULL, 0, NULL, NULL),
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
        return tpm_endorsement_response(rc, "answering the challenge", reason);
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
        r = tpm_endorsement_new(tpm, parsed.endorsement.template, reason, &endorsement, &area);
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
