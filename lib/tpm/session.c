/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Salted sessions. See tpm_internal.h.
 *
 * The salt is encrypted to the storage key, so that only that key's TPM and we know the session's
 * key, which encrypts secrets on their way and authenticates the messages. An eavesdropper on the
 * bus learns nothing. An interposer that answers with its own key does, unless the storage key is
 * pinned. Objects have empty passwords, so binding the session to one would add nothing.
 *
 * TCG TPM 2.0 Library, Part 1, 19.6 (session keys) and 21 (parameter encryption).
 */

#include "tpm/tpm_internal.h"

#define ALL_ATTRIBUTES   ((TPMA_SESSION)0xff)

/* Parameter numbers in TPM2_StartAuthSession. */
#define CIPHER_PARAMETER 4U
#define HASH_PARAMETER   5U

int tpm_session_set_attributes(const TpmHandle *session, TPMA_SESSION attributes, Reason *reason)
{
    return tpm_response(
        Esys_TRSess_SetAttributes(session->tpm->esys, session->tr, attributes, ALL_ATTRIBUTES),
        "setting up a session", reason);
}

int tpm_session_start(const TpmHandle *primary, TPM2_SE type, Reason *reason, TpmHandle *ret)
{
    static const TPMT_SYM_DEF cipher = {
        .algorithm = TPM2_ALG_AES,
        .keyBits.aes = TPM_AES_BITS,
        .mode.aes = TPM2_ALG_CFB,
    };
    _cleanup_(tpm_handle_done) TpmHandle session = {0};
    ESYS_TR tr;
    TSS2_RC rc;
    int r;

    rc = Esys_StartAuthSession(primary->tpm->esys, primary->tr, ESYS_TR_NONE, ESYS_TR_NONE,
                               ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &cipher, TPM2_ALG_SHA256,
                               &tr);
    if (tpm_response_parameter(rc) == CIPHER_PARAMETER ||
        tpm_response_parameter(rc) == HASH_PARAMETER)
        return reason_set(reason, OUTCOME_TPM_UNABLE,
                          "the TPM does not support sessions with AES-128-CFB and SHA-256 (0x%x)",
                          rc);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "starting a session", reason);
    session = (TpmHandle){.tpm = primary->tpm, .tr = tr};
    r = tpm_session_set_attributes(&session,
                                   type == TPM2_SE_POLICY
                                       ? TPMA_SESSION_ENCRYPT
                                       : TPMA_SESSION_AUDIT | TPMA_SESSION_CONTINUESESSION,
                                   reason);
    if (r != 0)
        return r;
    *ret = TAKE(session);
    return 0;
}

int tpm_session_response(TSS2_RC rc, const char *doing, Reason *reason)
{
    TSS2_RC base = tpm_response_base(rc);

    if (base != TPM2_RC_BAD_AUTH && base != TPM2_RC_AUTH_FAIL)
        return tpm_response(rc, doing, reason);
    return reason_set(reason, OUTCOME_TPM_FAILED,
                      "%s: the TPM rejects the session: messages are modified on their way to it "
                      "(0x%x)",
                      doing, rc);
}
