/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/counter.h"

#include "base/bytes.h"
#include "tpm/tpm_internal.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#define COUNTER_BYTES 8U
#define ATTRIBUTES                                                                                 \
    ((TPMA_NV)(TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA |                              \
               (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT)))

static TPM2B_NV_PUBLIC public_area(uint32_t index, TPMA_NV more)
{
    return (TPM2B_NV_PUBLIC){
        .nvPublic =
            {
                .nvIndex = index,
                .nameAlg = TPM2_ALG_SHA256,
                .attributes = ATTRIBUTES | more,
                .dataSize = COUNTER_BYTES,
            },
    };
}

/* --- finding it --- */

/* Whether NAME is that of a counter as we define it, with the attributes MORE. */
static bool has_name(const TPM2B_NAME *name, uint32_t index, TPMA_NV more)
{
    TPM2B_NV_PUBLIC area = public_area(index, more);
    uint8_t bytes[sizeof(area)], expected[TPM_NAME_BYTES] = {0x00, TPM_ALGORITHM_SHA256};
    size_t size = 0;

    if (Tss2_MU_TPMS_NV_PUBLIC_Marshal(&area.nvPublic, bytes, sizeof(bytes), &size) !=
        TSS2_RC_SUCCESS)
        return false;
    crypto_hash_sha256(expected + 2, bytes, size);
    return bytes_view_equal((BytesView){name->name, name->size},
                            (BytesView){expected, sizeof(expected)});
}

static int no_counter(uint32_t index, Reason *reason)
{
    return reason_set(reason, OUTCOME_TPM_NO_COUNTER,
                      "the TPM has no counter at 0x%08" PRIx32
                      ": it was cleared or replaced since, or somebody removed the counter",
                      index);
}

/* TPM2_NV_ReadPublic, to which tpm2-tss adds the name. RET_WRITTEN: it was incremented once. */
static int find(Tpm *tpm, uint32_t index, Reason *reason, TpmHandle *ret, bool *ret_written)
{
    _cleanup_(tpm_handle_done) TpmHandle counter = {0};
    _cleanup_(esys_freep) TPM2B_NAME *name = NULL;
    TSS2_RC rc = tpm_handle_open(tpm, index, &counter);

    if (rc != TSS2_RC_SUCCESS) {
        int r = tpm_primary_response(tpm, rc, "looking for the counter", reason);

        return r == OUTCOME_TPM_NO_SRK ? no_counter(index, reason) : r;
    }
    rc = Esys_TR_GetName(tpm->esys, counter.tr, &name);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "looking for the counter", reason);
    *ret_written = has_name(name, index, TPMA_NV_WRITTEN);
    if (!*ret_written && !has_name(name, index, 0))
        return reason_set(reason, OUTCOME_TPM_NV_TAKEN,
                          "another program uses the TPM's NV index 0x%08" PRIx32
                          ", or defined it in another way (tpm2_nvreadpublic 0x%" PRIx32 ")",
                          index, index);
    *ret = TAKE(counter);
    return 0;
}

/* The counter at INDEX, which was incremented. */
static int open_counter(Tpm *tpm, uint32_t index, Reason *reason, TpmHandle *ret)
{
    bool written = false;
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = find(tpm, index, reason, ret, &written);
    if (r == 0 && !written)
        r = reason_set(reason, OUTCOME_TPM_NO_COUNTER,
                       "the TPM's counter at 0x%08" PRIx32 " was never incremented: it is not the "
                       "one that was made here",
                       index);
    return r;
}

/* --- using it --- */

static int read_value(const TpmHandle *counter, Reason *reason, uint64_t *ret)
{
    _cleanup_(esys_freep) TPM2B_MAX_NV_BUFFER *data = NULL;
    TSS2_RC rc = Esys_NV_Read(counter->tpm->esys, counter->tr, counter->tr, ESYS_TR_PASSWORD,
                              ESYS_TR_NONE, ESYS_TR_NONE, COUNTER_BYTES, 0, &data);
    Reader reader;
    uint64_t value;

    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "reading the counter", reason);
    reader = reader_new((BytesView){data->buffer, data->size});
    value = (uint64_t)reader_u32be(&reader) << 32;
    value |= reader_u32be(&reader);
    if (reader.failed || reader.rest.size > 0)
        return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's counter has %u bytes, not %u",
                          data->size, COUNTER_BYTES);
    *ret = value;
    return 0;
}

static int increment(const TpmHandle *counter, Reason *reason)
{
    return tpm_response(Esys_NV_Increment(counter->tpm->esys, counter->tr, counter->tr,
                                          ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE),
                        "incrementing the counter", reason);
}

int tpm_counter_read(Tpm *tpm, uint32_t index, Reason *reason, uint64_t *ret)
{
    _cleanup_(tpm_handle_done) TpmHandle counter = {0};
    int r = open_counter(tpm, index, reason, &counter);

    return r == 0 ? read_value(&counter, reason, ret) : r;
}

int tpm_counter_increment(Tpm *tpm, uint32_t index, Reason *reason)
{
    _cleanup_(tpm_handle_done) TpmHandle counter = {0};
    int r = open_counter(tpm, index, reason, &counter);

    return r == 0 ? increment(&counter, reason) : r;
}

/* --- making and removing it --- */

static int define(Tpm *tpm, uint32_t index, Reason *reason, TpmHandle *ret)
{
    static const TPM2B_AUTH no_password = {0};
    TPM2B_NV_PUBLIC area = public_area(index, 0);
    ESYS_TR tr;
    TSS2_RC rc = Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                     ESYS_TR_NONE, &no_password, &area, &tr);

    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "making a counter", reason);
    *ret = (TpmHandle){.tpm = tpm, .tr = tr, .persistent = true};
    return 0;
}

int tpm_counter_ensure(Tpm *tpm, uint32_t index, Reason *reason, uint64_t *ret)
{
    _cleanup_(tpm_handle_done) TpmHandle counter = {0};
    bool written = false;
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = find(tpm, index, reason, &counter, &written);
    if (r == OUTCOME_TPM_NO_COUNTER)
        r = define(tpm, index, reason, &counter);
    if (r == 0 && !written)
        r = increment(&counter, reason);
    return r == 0 ? read_value(&counter, reason, ret) : r;
}

int tpm_counter_remove(Tpm *tpm, uint32_t index, Reason *reason)
{
    _cleanup_(tpm_handle_done) TpmHandle counter = {0};
    bool written;
    TSS2_RC rc;
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = find(tpm, index, reason, &counter, &written);
    if (r != 0)
        return r == OUTCOME_TPM_NO_COUNTER ? 0 : r;
    rc = Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, counter.tr, ESYS_TR_PASSWORD,
                               ESYS_TR_NONE, ESYS_TR_NONE);
    if (rc == TSS2_RC_SUCCESS)
        counter = (TpmHandle){0}; /* ESYS has forgotten it as well */
    return tpm_response(rc, "removing the counter", reason);
}
