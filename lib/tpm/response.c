/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TPM return codes as outcomes and sentences. See tpm_internal.h.
 *
 * A table holds the codes that a user can do something about; tpm2-tss decodes the others. A
 * format-one code contains the number of the handle, session or parameter that it refers to, which
 * is removed before the table is searched. TCG TPM 2.0 Library, Part 2, 6.6.
 */

#include "tpm/tpm_internal.h"

#include <errno.h>
#include <stddef.h>
#include <tss2/tss2_rc.h>

/* The error bits of a format-one code, and of any other. */
#define FORMAT_ONE_BITS  (TPM2_RC_FMT1 | 0x3fU)
#define FORMAT_ZERO_BITS 0xfffU
/* The error bits of a code from any layer of tpm2-tss. */
#define BASE_BITS        0xffffU

typedef struct Meaning {
    TSS2_RC code;
    int outcome;
    const char *sentence;
} Meaning;

static const Meaning tpm_meanings[] = {
    {TPM2_RC_INTEGRITY, OUTCOME_TPM_FOREIGN,
     "the sealed key does not belong to this storage key: another TPM sealed it, this TPM was "
     "cleared since, or the file is damaged"},
    {TPM2_RC_POLICY_FAIL, OUTCOME_TPM_PCR_MISMATCH, "the policy is not met"},
    {TPM2_RC_LOCKOUT, OUTCOME_TPM_LOCKOUT, "the TPM's dictionary attack lockout is active"},
    {TPM2_RC_HANDLE, OUTCOME_TPM_NO_SRK, "the TPM has no storage root key at 0x81000001"},
    {TPM2_RC_BAD_AUTH, OUTCOME_TPM_PASSWORD,
     "the owner hierarchy or the storage key has a password"},
    {TPM2_RC_AUTH_FAIL, OUTCOME_TPM_PASSWORD,
     "the owner hierarchy or the storage key has a password"},
    {TPM2_RC_HIERARCHY, OUTCOME_TPM_DISABLED, "the owner hierarchy is switched off"},
    {TPM2_RC_DISABLED, OUTCOME_TPM_DISABLED, "the command is switched off"},

    {TPM2_RC_MEMORY, OUTCOME_TPM_FULL, "the TPM is out of memory"},
    {TPM2_RC_OBJECT_MEMORY, OUTCOME_TPM_FULL, "the TPM has no room for another object"},
    {TPM2_RC_SESSION_MEMORY, OUTCOME_TPM_FULL, "the TPM has no room for another session"},
    {TPM2_RC_OBJECT_HANDLES, OUTCOME_TPM_FULL, "the TPM has no object handles left"},
    {TPM2_RC_SESSION_HANDLES, OUTCOME_TPM_FULL, "the TPM has no session handles left"},
    {TPM2_RC_CONTEXT_GAP, OUTCOME_TPM_FULL, "the TPM has too many old sessions"},
    {TPM2_RC_NV_SPACE, OUTCOME_TPM_NV_SPACE, "the TPM has no room for another NV index"},
    {TPM2_RC_NV_DEFINED, OUTCOME_TPM_NV_TAKEN, "the TPM's NV index is in use"},

    {TPM2_RC_REFERENCE_H0, OUTCOME_TPM_RESET, "the TPM has lost what was loaded into it"},

    {TPM2_RC_RETRY, OUTCOME_TPM_BUSY, "the TPM asked for too many retries"},
    {TPM2_RC_YIELDED, OUTCOME_TPM_BUSY, "the TPM asked for too many retries"},
    {TPM2_RC_TESTING, OUTCOME_TPM_BUSY, "the TPM is still testing itself"},
    {TPM2_RC_CANCELED, OUTCOME_TPM_BUSY, "the command was cancelled"},
    {TPM2_RC_NV_RATE, OUTCOME_TPM_BUSY, "the TPM limits the rate of writes to its memory"},
    {TPM2_RC_NV_UNAVAILABLE, OUTCOME_TPM_BUSY, "the TPM's memory is not available at the moment"},
    {TPM2_RC_PCR_CHANGED, OUTCOME_TPM_BUSY, "the PCRs keep changing"},

    {TPM2_RC_INITIALIZE, OUTCOME_TPM_NOT_STARTED, "the TPM has not received TPM2_Startup"},
    {TPM2_RC_FAILURE, OUTCOME_TPM_NEEDS_REBOOT, "the TPM is in failure mode"},
    {TPM2_RC_REBOOT, OUTCOME_TPM_NEEDS_REBOOT, "the TPM must be reset"},
    {TPM2_RC_UPGRADE, OUTCOME_TPM_NEEDS_REBOOT, "the TPM is in the middle of a firmware upgrade"},

    {TPM2_RC_ASYMMETRIC, OUTCOME_TPM_UNABLE, "the TPM does not support this type of key"},
    {TPM2_RC_CURVE, OUTCOME_TPM_UNABLE, "the TPM does not support this elliptic curve"},
    {TPM2_RC_KEY_SIZE, OUTCOME_TPM_UNABLE, "the TPM does not support keys of this size"},
    {TPM2_RC_HASH, OUTCOME_TPM_UNABLE, "the TPM does not support this hash algorithm"},
    {TPM2_RC_SYMMETRIC, OUTCOME_TPM_UNABLE, "the TPM does not support this cipher"},
    {TPM2_RC_MODE, OUTCOME_TPM_UNABLE, "the TPM does not support this mode of its cipher"},
    {TPM2_RC_SCHEME, OUTCOME_TPM_UNABLE, "the TPM does not support this scheme"},
    {TPM2_RC_KDF, OUTCOME_TPM_UNABLE, "the TPM does not support this key derivation"},
    {TPM2_RC_COMMAND_CODE, OUTCOME_TPM_UNABLE, "the TPM does not support this command"},

    {TPM2_RC_NEEDS_TEST, OUTCOME_TPM_FAILED, "the TPM must be tested first: tpm2_selftest -f"},
    {TPM2_RC_LOCALITY, OUTCOME_TPM_FAILED, "the TPM does not allow this from the operating system"},
};

static const Meaning tss_meanings[] = {
    {TSS2_BASE_RC_MEMORY, -ENOMEM, "tpm2-tss"},
    {TSS2_BASE_RC_NO_CONNECTION, OUTCOME_TPM_UNREACHABLE, "no TPM answers"},
    {TSS2_BASE_RC_IO_ERROR, OUTCOME_TPM_UNREACHABLE, "the connection to the TPM broke"},
    {TSS2_BASE_RC_TRY_AGAIN, OUTCOME_TPM_BUSY, "the TPM asked for too many retries"},
    {TSS2_BASE_RC_RSP_AUTH_FAILED, OUTCOME_TPM_FAILED,
     "the response does not come from the TPM with the storage key, or was modified on its way"},
    {TSS2_BASE_RC_MALFORMED_RESPONSE, OUTCOME_TPM_FAILED, "the response is not valid"},
    {TSS2_BASE_RC_INSUFFICIENT_RESPONSE, OUTCOME_TPM_FAILED, "the response is too short"},
};

TSS2_RC tpm_response_base(TSS2_RC rc)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

    if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_RC_LAYER &&
        layer != TSS2_RESMGR_TPM_RC_LAYER)
        return 0;
    return rc & (rc & TPM2_RC_FMT1 ? FORMAT_ONE_BITS : FORMAT_ZERO_BITS);
}

unsigned tpm_response_parameter(TSS2_RC rc)
{
    if (tpm_response_base(rc) == 0 || !(rc & TPM2_RC_FMT1) || !(rc & TPM2_RC_P))
        return 0;
    return (rc & TPM2_RC_N_MASK) / TPM2_RC_1;
}

static const Meaning *find(const Meaning *meanings, size_t count, TSS2_RC code)
{
    for (size_t i = 0; i < count; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return NULL;
}

/* Whether BASE means that the first, second, … handle or session is not loaded. */
static bool is_reference(TSS2_RC base)
{
    return (base >= TPM2_RC_REFERENCE_H0 && base <= TPM2_RC_REFERENCE_H6) ||
           (base >= TPM2_RC_REFERENCE_S0 && base <= TPM2_RC_REFERENCE_S6);
}

static const Meaning *meaning_of(TSS2_RC rc)
{
    TSS2_RC base = tpm_response_base(rc);

    if (base == 0)
        return find(tss_meanings, sizeof(tss_meanings) / sizeof(tss_meanings[0]), rc & BASE_BITS);
    return find(tpm_meanings, sizeof(tpm_meanings) / sizeof(tpm_meanings[0]),
                is_reference(base) ? TPM2_RC_REFERENCE_H0 : base);
}

int tpm_response(TSS2_RC rc, const char *doing, Reason *reason)
{
    const Meaning *meaning = meaning_of(rc);

    if (rc == TSS2_RC_SUCCESS)
        return 0;
    if (!meaning)
        return reason_set(reason, OUTCOME_TPM_FAILED, "%s: %.160s (0x%x)", doing,
                          Tss2_RC_Decode(rc), rc);
    if (meaning->outcome < 0)
        return reason_set(reason, meaning->outcome, "%s: %s", doing, meaning->sentence);
    return reason_set(reason, meaning->outcome, "%s: %s (0x%x)", doing, meaning->sentence, rc);
}
