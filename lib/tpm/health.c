/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The health of a TPM: the properties of its lockout, TCG TPM 2.0 Library, Part 2, 6.13, and its
 * PCRs. See tpm.h.
 */

#include "tpm/tpm_internal.h"

/* TPMA_PERMANENT and the counters are close enough for one command. */
#define FIRST_PROPERTY TPM2_PT_PERMANENT
#define LAST_PROPERTY  TPM2_PT_LOCKOUT_RECOVERY

/* The PCRs into which firmware measures. */
#define BOOT_PCRS      UINT64_C(0xff)

static int look_at_pcrs(Tpm *tpm, Reason *reason, TpmHealth *health)
{
    static const uint16_t banks[] = {TPM_ALGORITHM_SHA256, TPM_ALGORITHM_SHA1};
    int r = OUTCOME_TPM_UNABLE;
    TpmPcrs pcrs;

    for (size_t i = 0; r == OUTCOME_TPM_UNABLE && i < sizeof(banks) / sizeof(banks[0]); i++) {
        r = tpm_pcr_peek(tpm, BOOT_PCRS, banks[i], reason, &pcrs);
        if (r == 0) {
            health->pcr_bank = banks[i];
            health->measured = tpm_pcrs_measured(&pcrs, BOOT_PCRS);
        }
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
    rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                            TPM2_CAP_TPM_PROPERTIES, FIRST_PROPERTY,
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
