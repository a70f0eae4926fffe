/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/export.h"

#include "tpm/tpm_internal.h"

#include <tss2/tss2_mu.h>

void tpm_export_done(TpmExport *export)
{
    bytes_done(&export->srk);
    bytes_done(&export->legacy);
    *export = (TpmExport){0};
}

/* Reads the public area of TR as TPM2B_PUBLIC. */
static int read_public(Tpm *tpm, ESYS_TR tr, Reason *reason, Bytes *ret)
{
    _cleanup_(esys_freep) TPM2B_PUBLIC *area = NULL;
    uint8_t bytes[sizeof(*area)];
    size_t size = 0;
    TSS2_RC rc;

    rc =
        Esys_ReadPublic(tpm->esys, tr, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &area, NULL, NULL);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "reading the storage key", reason);
    if (Tss2_MU_TPM2B_PUBLIC_Marshal(area, bytes, sizeof(bytes), &size) != TSS2_RC_SUCCESS)
        return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's response cannot be marshalled");
    return bytes_dup((BytesView){bytes, size}, ret);
}

/* Returns 0 and leaves RET alone if there is no storage root key. */
static int export_srk(Tpm *tpm, Reason *reason, Bytes *ret)
{
    _cleanup_(tpm_handle_done) TpmHandle srk = {0};
    _cleanup_(bytes_done) Bytes serialized = {0};
    uint16_t algorithm;
    int r = tpm_primary_new_srk(tpm, reason, &srk, &serialized, &algorithm);

    if (r != 0)
        return r == OUTCOME_TPM_NO_SRK ? 0 : r;
    return read_public(tpm, srk.tr, reason, ret);
}

static int export_pcrs(const TpmHandle *primary, Reason *reason, TpmPcrs *ret)
{
    _cleanup_(tpm_handle_done) TpmHandle session = {0};
    int r;

    r = tpm_session_start(primary, TPM2_SE_HMAC, reason, &session);
    if (r != 0)
        return r;
    r = tpm_pcr_read(&session, TPM_PCR_MASK_ALL, TPM_ALGORITHM_SHA256, reason, ret);
    /* A TPM with only SHA-1 can still be sealed for without PCRs. */
    return r == OUTCOME_TPM_UNABLE ? 0 : r;
}

int tpm_export(Tpm *tpm, Reason *reason, TpmExport *ret)
{
    _cleanup_(tpm_handle_done) TpmHandle primary = {0};
    _cleanup_(tpm_export_done) TpmExport export = {0};
    uint16_t algorithm;
    int r = tpm_begin(tpm, reason);

    if (r == 0)
        r = export_srk(tpm, reason, &export.srk);
    if (r == 0)
        r = tpm_primary_new_default(tpm, reason, &primary, &algorithm);
    if (r == 0)
        r = read_public(tpm, primary.tr, reason, &export.legacy);
    if (r == 0)
        r = export_pcrs(&primary, reason, &export.pcrs);
    if (r != 0)
        return r;
    *ret = TAKE(export);
    return 0;
}
