/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads NV indices that others wrote. See tpm_internal.h.
 */

#include "tpm/tpm_internal.h"

#include <errno.h>

/* How much of an NV index is read at a time, bytes: every TPM can do so. */
#define NV_STEP ((size_t)512)

static int read_index(const TpmHandle *index, size_t size, const char *doing, Reason *reason,
                      Writer *writer)
{
    while (writer->bytes.size < size && !writer->failed) {
        _cleanup_(esys_freep) TPM2B_MAX_NV_BUFFER *data = NULL;
        size_t rest = size - writer->bytes.size;
        TSS2_RC rc = Esys_NV_Read(
            index->tpm->esys, index->tr, index->tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
            (UINT16)(rest < NV_STEP ? rest : NV_STEP), (UINT16)writer->bytes.size, &data);

        if (rc != TSS2_RC_SUCCESS)
            return tpm_response(rc, doing, reason);
        if (data->size == 0)
            return reason_set(reason, OUTCOME_TPM_FAILED, "%s: the TPM's response is empty", doing);
        writer_bytes(writer, (BytesView){data->buffer, data->size});
    }
    return 0;
}

int tpm_nv_read(Tpm *tpm, TPM2_HANDLE number, size_t max, const char *doing, Reason *reason,
                Bytes *ret)
{
    _cleanup_(esys_freep) TPM2B_NV_PUBLIC *area = NULL;
    _cleanup_(tpm_handle_done) TpmHandle index = {0};
    _cleanup_(writer_done) Writer writer = {0};
    TSS2_RC rc = tpm_handle_open(tpm, number, &index);
    int r;

    if (rc != TSS2_RC_SUCCESS)
        return tpm_response_base(rc) == TPM2_RC_HANDLE ? 0 : tpm_response(rc, doing, reason);
    rc = Esys_NV_ReadPublic(tpm->esys, index.tr, NO_SESSIONS, &area, NULL);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, doing, reason);
    if (!(area->nvPublic.attributes & TPMA_NV_WRITTEN))
        return 0;
    if (area->nvPublic.dataSize > max)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "%s: the NV index 0x%x has %u bytes, more than %zu", doing, number,
                          area->nvPublic.dataSize, max);
    r = read_index(&index, area->nvPublic.dataSize, doing, reason, &writer);
    return r == 0 ? writer_take(&writer, ret) : r;
}
