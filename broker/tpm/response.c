/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TPM return codes as outcomes and sentences. See tpm_internal.h.
 *
 * One table holds what a user can do something about; the rest is decoded by tpm2-tss. A code of
 * format one carries the number of the handle, session or parameter that it is about, which is
 * taken off before the table is searched. TCG TPM 2.0 Library, Part 2, 6.6.
 */

#include "tpm/tpm_internal.h"

#include <errno.h>
#include <stddef.h>
#include <tss2/tss2_rc.h>

/* The bits of a format-one code that tell the error, and of any other. */
#define FORMAT_ONE_BITS  (TPM2_RC_FMT1 | 0x3fU)
#define FORMAT_ZERO_BITS 0xfffU
/* The bits of a code from tpm2-tss that tell the error, whatever the layer. */
#define BASE_BITS        0xffffU

typedef struct Meaning {
    TSS2_RC code;
    int outcome;
    const char *sentence;
} Meaning;

static const Meaning tpm_meanings[] = {
    {TPM2_RC_INTEGRITY, OUTCOME_TPM_FOREIGN,
     "the sealed key is not this storage key's: another TPM sealed it, this one was cleared since, "
     "or "
     "the file was damaged"},
    {TPM2_RC_POLICY_FAIL, OUTCOME_TPM_PCR_MISMATCH, "the policy is not fulfilled"},
    {TPM2_RC_PCR_CHANGED, OUTCOME_TPM_BUSY, "the PCRs keep changing"},
    {TPM2_RC_LOCKOUT, OUTCOME_TPM_LOCKOUT,
     "the TPM's dictionary attack lockout is on, after too many wrong passwords"},
    {TPM2_RC_HANDLE, OUTCOME_TPM_NO_SRK, "the TPM has no storage root key at 0x81000001"},
    {TPM2_RC_BAD_AUTH, OUTCOME_TPM_FAILED,
     "the owner hierarchy or the storage key has a password, and none is supported here"},
    {TPM2_RC_AUTH_FAIL, OUTCOME_TPM_FAILED,
     "the owner hierarchy or the storage key has a password, and none is supported here"},
    {TPM2_RC_HIERARCHY, OUTCOME_TPM_FAILED, "the owner hierarchy is switched off in the firmware"},

    {TPM2_RC_MEMORY, OUTCOME_TPM_BUSY, "the TPM is out of memory"},
    {TPM2_RC_OBJECT_MEMORY, OUTCOME_TPM_BUSY, "the TPM has no room for another object"},
    {TPM2_RC_SESSION_MEMORY, OUTCOME_TPM_BUSY, "the TPM has no room for another session"},
    {TPM2_RC_OBJECT_HANDLES, OUTCOME_TPM_BUSY, "the TPM has no object handles left"},
    {TPM2_RC_SESSION_HANDLES, OUTCOME_TPM_BUSY, "the TPM has no session handles left"},
    {TPM2_RC_CONTEXT_GAP, OUTCOME_TPM_BUSY, "the TPM has too many old sessions"},
    {TPM2_RC_RETRY, OUTCOME_TPM_BUSY, "the TPM asked to be asked again too often"},
    {TPM2_RC_YIELDED, OUTCOME_TPM_BUSY, "the TPM asked to be asked again too often"},
    {TPM2_RC_TESTING, OUTCOME_TPM_BUSY, "the TPM tests itself"},
    {TPM2_RC_CANCELED, OUTCOME_TPM_BUSY, "the command was cancelled"},
    {TPM2_RC_NV_RATE, OUTCOME_TPM_BUSY, "the TPM spares its memory: too many writes"},
    {TPM2_RC_NV_UNAVAILABLE, OUTCOME_TPM_BUSY, "the TPM's memory is not available now"},

    {TPM2_RC_INITIALIZE, OUTCOME_TPM_FAILED,
     "the TPM was not started up (a simulator's can be: tpm2_startup -c)"},
    {TPM2_RC_FAILURE, OUTCOME_TPM_FAILED, "the TPM is in failure mode: switch off and on again"},
    {TPM2_RC_NEEDS_TEST, OUTCOME_TPM_FAILED, "the TPM wants to test itself first"},
    {TPM2_RC_DISABLED, OUTCOME_TPM_FAILED, "the command is switched off"},
    {TPM2_RC_COMMAND_CODE, OUTCOME_TPM_FAILED, "the TPM does not know this command"},
    {TPM2_RC_LOCALITY, OUTCOME_TPM_FAILED, "the TPM does not allow this from the operating system"},
};

static const Meaning tss_meanings[] = {
    {TSS2_BASE_RC_MEMORY, -ENOMEM, "tpm2-tss"},
    {TSS2_BASE_RC_NO_CONNECTION, OUTCOME_TPM_UNREACHABLE, "no TPM answers"},
    {TSS2_BASE_RC_IO_ERROR, OUTCOME_TPM_UNREACHABLE, "the connection to the TPM broke"},
    {TSS2_BASE_RC_TRY_AGAIN, OUTCOME_TPM_BUSY, "the TPM asked to be asked again too often"},
    {TSS2_BASE_RC_RSP_AUTH_FAILED, OUTCOME_TPM_FAILED,
     "the answer does not come from the TPM that has the storage key, or was changed on its way"},
    {TSS2_BASE_RC_MALFORMED_RESPONSE, OUTCOME_TPM_FAILED, "the answer makes no sense"},
    {TSS2_BASE_RC_INSUFFICIENT_RESPONSE, OUTCOME_TPM_FAILED, "the answer is too short"},
};

TSS2_RC tpm_response_base(TSS2_RC rc)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

    if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_RC_LAYER &&
        layer != TSS2_RESMGR_TPM_RC_LAYER)
        return 0;
    return rc & (rc & TPM2_RC_FMT1 ? FORMAT_ONE_BITS : FORMAT_ZERO_BITS);
}

static const Meaning *find(const Meaning *meanings, size_t count, TSS2_RC code)
{
    for (size_t i = 0; i < count; i++)
        if (meanings[i].code == code)
            return &meanings[i];
    return NULL;
}

int tpm_response(TSS2_RC rc, const char *doing, Reason *reason)
{
    TSS2_RC base = tpm_response_base(rc);
    const Meaning *meaning;

    if (base != 0)
        meaning = find(tpm_meanings, sizeof(tpm_meanings) / sizeof(tpm_meanings[0]), base);
    else
        meaning =
            find(tss_meanings, sizeof(tss_meanings) / sizeof(tss_meanings[0]), rc & BASE_BITS);
    if (!meaning)
        return reason_set(reason, OUTCOME_TPM_FAILED, "%s: %.160s (0x%x)", doing,
                          Tss2_RC_Decode(rc), rc);
    if (meaning->outcome < 0)
        return reason_set(reason, meaning->outcome, "%s: %s", doing, meaning->sentence);
    return reason_set(reason, meaning->outcome, "%s: %s (0x%x)", doing, meaning->sentence, rc);
}
