/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handles that release themselves, and salted sessions. See tpm_internal.h.
 *
 * A TPM has room for three objects and three sessions. Without a resource manager, one that is left
 * behind makes later callers fail.
 *
 * The salt is encrypted to the storage key, so that only that key's TPM and we know the session's
 * key, which encrypts secrets on their way and authenticates the messages. An eavesdropper on the
 * bus learns nothing. An interposer that answers with its own key does, unless the storage key is
 * pinned. Objects have empty passwords, so binding the session to one would add nothing.
 *
 * TCG TPM 2.0 Library, Part 1, 19.6 (session keys) and 21 (parameter encryption).
 */

#include "tpm/tpm_internal.h"

#include <tss2/tss2_mu.h>

#define ALL_ATTRIBUTES   ((TPMA_SESSION)0xff)

/* Parameter numbers in TPM2_StartAuthSession. */
#define CIPHER_PARAMETER 4U
#define HASH_PARAMETER   5U

/* --- handles --- */

void tpm_handle_forget(TpmHandle *handle)
{
    if (handle->tpm)
        Esys_TR_Close(handle->tpm->esys, &handle->tr);
    *handle = (TpmHandle){0};
}

/* Size of TPM2_FlushContext, and of its response. */
#define FLUSH_BYTES     14U
#define NO_ANSWER_BYTES 10U

/* After a broken connection or an invalid response tpm2-tss refuses to send anything, even
 * clean-up. The transport below it still does. */
static void flush_below_tss(const TpmHandle *handle)
{
    _cleanup_(writer_done) Writer command = {0};
    TSS2_TCTI_CONTEXT *tcti = (TSS2_TCTI_CONTEXT *)&handle->tpm->transport;
    uint8_t answer[NO_ANSWER_BYTES];
    size_t size = sizeof(answer);
    TPM2_HANDLE number;

    if (Esys_TR_GetTpmHandle(handle->tpm->esys, handle->tr, &number) != TSS2_RC_SUCCESS)
        return;
    writer_u16be(&command, TPM2_ST_NO_SESSIONS);
    writer_u32be(&command, FLUSH_BYTES);
    writer_u32be(&command, TPM2_CC_FlushContext);
    writer_u32be(&command, number);
    if (!command.failed &&
        Tss2_Tcti_Transmit(tcti, command.bytes.size, command.bytes.data) == TSS2_RC_SUCCESS)
        Tss2_Tcti_Receive(tcti, &size, answer, TSS2_TCTI_TIMEOUT_BLOCK);
}

void tpm_handle_done(TpmHandle *handle)
{
    TSS2_RC rc;

    if (handle->tpm && !handle->persistent) {
        rc = Esys_FlushContext(handle->tpm->esys, handle->tr);
        if (rc == TSS2_RC_SUCCESS)
            *handle = (TpmHandle){0}; /* ESYS has forgotten it as well */
        else if (rc == TSS2_ESYS_RC_BAD_SEQUENCE)
            flush_below_tss(handle);
    }
    tpm_handle_forget(handle);
}

TSS2_RC tpm_handle_open(Tpm *tpm, TPM2_HANDLE number, TpmHandle *ret)
{
    ESYS_TR tr;
    TSS2_RC rc = Esys_TR_FromTPMPublic(tpm->esys, number, NO_SESSIONS, &tr);

    if (rc == TSS2_RC_SUCCESS)
        *ret = (TpmHandle){.tpm = tpm, .tr = tr, .persistent = true};
    return rc;
}

int tpm_public_write(const TPM2B_PUBLIC *area, Reason *reason, Bytes *ret)
{
    uint8_t bytes[sizeof(*area)];
    size_t size = 0;

    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, bytes, sizeof(bytes), &size) != TSS2_RC_SUCCESS)
        return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's response cannot be marshalled");
    return bytes_dup((BytesView){bytes, size}, ret);
}

int tpm_public_read(const TpmHandle *handle, const char *doing, Reason *reason, Bytes *ret)
{
    _cleanup_(esys_freep) TPM2B_PUBLIC *area = NULL;
    TSS2_RC rc = Esys_ReadPublic(handle->tpm->esys, handle->tr, NO_SESSIONS, &area, NULL, NULL);

    return rc == TSS2_RC_SUCCESS ? tpm_public_write(area, reason, ret)
                                 : tpm_response(rc, doing, reason);
}

/* --- sessions --- */

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

    rc = Esys_StartAuthSession(primary->tpm->esys, primary->tr, ESYS_TR_NONE, NO_SESSIONS, NULL,
                               type, &cipher, TPM2_ALG_SHA256, &tr);
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
