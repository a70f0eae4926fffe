/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handles that release themselves. See tpm_internal.h.
 *
 * A TPM has room for three objects and three sessions. Without a resource manager, one that is left
 * behind makes later callers fail.
 */

#include "tpm/tpm_internal.h"

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
