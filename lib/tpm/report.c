/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a TPM says of itself: its health, which is the properties of its lockout (TCG TPM 2.0
 * Library, Part 2, 6.13) and its PCRs; and what others need to seal for it. See tpm.h.
 */

#include "tpm/tpm_internal.h"

/* TPMA_PERMANENT and the counters are close enough for one command. */
#define FIRST_PROPERTY TPM2_PT_PERMANENT
#define LAST_PROPERTY  TPM2_PT_LOCKOUT_RECOVERY

/* The PCRs into which firmware measures. */
#define BOOT_PCRS      UINT64_C(0xff)

static int look_at_pcrs(Tpm *tpm, Reason *reason, TpmHealth *health)
{
    static const TpmPcrs none = {0};
    TpmPcrs pcrs;
    int r = tpm_pcr_complete(&(TpmHandle){.tpm = tpm, .tr = ESYS_TR_NONE}, &none, BOOT_PCRS, reason,
                             &pcrs);

    if (r == 0) {
        health->pcr_bank = pcrs.bank;
        health->measured = tpm_pcrs_measured(&pcrs, BOOT_PCRS);
    }
    return r == OUTCOME_TPM_UNABLE ? 0 : r;
}

int tpm_health(Tpm *tpm, Reason *reason, TpmHealth *ret)
{
    _cleanup_(esys_freep) TPMS_CAPABILITY_DATA *data = NULL;
    TpmHealth health = {0};
    TPMI_YES_NO more;
    TSS2_RC rc;
    int r = tpm_begin(tpm, reason);

    if (r != 0)
        return r;
    rc = Esys_GetCapability(tpm->esys, NO_SESSIONS, TPM2_CAP_TPM_PROPERTIES, FIRST_PROPERTY,
                            LAST_PROPERTY - FIRST_PROPERTY + 1, &more, &data);
    if (rc != TSS2_RC_SUCCESS)
        return tpm_response(rc, "reading the TPM's status", reason);
    if (!tpm_is_well(tpm))
        return reason_set(reason, OUTCOME_TPM_NEEDS_REBOOT, "the TPM is in failure mode");
    for (UINT32 i = 0; i < data->data.tpmProperties.count; i++) {
        const TPMS_TAGGED_PROPERTY *property = &data->data.tpmProperties.tpmProperty[i];

        if (property->property == TPM2_PT_PERMANENT) {
            health.locked_out = property->value & TPMA_PERMANENT_INLOCKOUT;
            health.has_lockout_password = property->value & TPMA_PERMANENT_LOCKOUTAUTHSET;
            health.has_owner_password = property->value & TPMA_PERMANENT_OWNERAUTHSET;
        } else if (property->property == TPM2_PT_LOCKOUT_COUNTER)
            health.failures = property->value;
        else if (property->property == TPM2_PT_MAX_AUTH_FAIL)
            health.failures_max = property->value;
        else if (property->property == TPM2_PT_LOCKOUT_INTERVAL)
            health.interval = property->value;
    }
    r = look_at_pcrs(tpm, reason, &health);
    if (r == 0)
        *ret = health;
    return r;
}

/* --- what others need to seal for this TPM --- */

void tpm_export_done(TpmExport *export)
{
    bytes_done(&export->srk);
    bytes_done(&export->legacy);
    *export = (TpmExport){0};
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
    return tpm_public_read(&srk, "reading the storage key", reason, ret);
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
        r = tpm_public_read(&primary, "reading the storage key", reason, &export.legacy);
    if (r == 0)
        r = export_pcrs(&primary, reason, &export.pcrs);
    if (r != 0)
        return r;
    *ret = TAKE(export);
    return 0;
}
