/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handles that let go of themselves. See tpm_internal.h.
 *
 * A TPM has room for three objects and as many sessions: one that stays behind makes later callers
 * fail where there is no resource manager.
 */

#include "tpm/tpm_internal.h"

#include <tss2/tss2_sys.h>

void tpm_handle_forget(TpmHandle *handle)
{
    if (handle->tpm)
        Esys_TR_Close(handle->tpm->esys, &handle->tr);
    *handle = (TpmHandle){0};
}

/* After a broken connection or an answer that makes no sense ESYS refuses to send anything, also
 * what would clean up. The layer below does not. */
static void flush_below_esys(const TpmHandle *handle)
{
    ESYS_CONTEXT *esys = handle->tpm->esys;
    TSS2_SYS_CONTEXT *sys;
    TPM2_HANDLE number;

    if (Esys_GetSysContext(esys, &sys) == TSS2_RC_SUCCESS &&
        Esys_TR_GetTpmHandle(esys, handle->tr, &number) == TSS2_RC_SUCCESS)
        Tss2_Sys_FlushContext(sys, number);
}

void tpm_handle_done(TpmHandle *handle)
{
    TSS2_RC rc;

    if (handle->tpm && !handle->persistent) {
        rc = Esys_FlushContext(handle->tpm->esys, handle->tr);
        if (rc == TSS2_RC_SUCCESS)
            *handle = (TpmHandle){0}; /* ESYS has forgotten it, too */
        else if (rc == TSS2_ESYS_RC_BAD_SEQUENCE)
            flush_below_esys(handle);
    }
    tpm_handle_forget(handle);
}
