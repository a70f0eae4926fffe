/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Explains PCR mismatches. See tpm_internal.h.
 *
 * A policy is one digest over all its PCRs. With several PCRs nobody can tell which one differs,
 * unless the expected values are known. We check such expectations too: if they yield the digest,
 * they are the values that the key was sealed for.
 */

#include "tpm/policy.h"
#include "tpm/tpm_internal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* How many digits of a value are shown: enough to compare by eye. */
#define SHOWN_BYTES ((size_t)8)

/* What changes a PCR (UAPI.7 Linux TPM PCR Registry, abridged). */
static const char *const pcr_causes[TPM_PCR_COUNT] = {
    [0] = "firmware update",
    [1] = "firmware settings",
    [2] = "other expansion cards",
    [4] = "boot loader or kernel update",
    [5] = "partition table or boot menu",
    [7] = "Secure Boot settings or database update",
    [8] = "kernel command line",
    [9] = "kernel or initrd update",
    [10] = "files measured by IMA",
    [11] = "kernel image update, or the boot phase",
    [12] = "kernel command line, or credentials for the system",
    [13] = "system extensions",
    [14] = "machine owner keys",
    [15] = "machine id or encrypted volumes",
};

void tpm_pcr_append_causes(uint64_t mask, Reason *reason)
{
    const char *separator = ". These change with: ";
    size_t length;

    if (!reason)
        return;
    length = strlen(reason->text);
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        int n;

        if (!(mask & UINT64_C(1) << i) || !pcr_causes[i])
            continue;
        n = snprintf(reason->text + length, sizeof(reason->text) - length, "%s%u %s", separator, i,
                     pcr_causes[i]);
        if ((size_t)n >= sizeof(reason->text) - length) {
            reason->text[length] = '\0'; /* do not truncate in the middle */
            return;
        }
        length += (size_t)n;
        separator = ", ";
    }
}

/* Whether SEALED's policy matches PRESENT with the values of EXPECTED. */
static bool is_sealed_for(const TpmSealedView *sealed, const TpmPcrs *expected,
                          const TpmPcrs *present)
{
    uint8_t policy[TPM_POLICY_BYTES];
    TpmPcrs combined = *present;
    TpmSigner signer;
    bool is_signed =
        sealed->public_key.size != 0 && tpm_signer_parse(sealed->public_key, NULL, &signer) == 0;

    tpm_pcrs_take(expected, &combined);
    tpm_policy_of(is_signed ? &signer : NULL, &combined, policy);
    return bytes_view_equal(sealed->policy_hash, (BytesView){policy, sizeof(policy)});
}

/* Returns the PCRs whose value in EXPECTED differs from the one in PRESENT, and writes "7 (is
 * 0011…, expected 2233…)" for each, as far as there is room. */
static uint64_t list_differing(const TpmPcrs *expected, const TpmPcrs *present, char *text,
                               size_t size)
{
    char is[2 * SHOWN_BYTES + 1], should[sizeof(is)];
    size_t digest_size = tpm_bank_digest_bytes(present->bank), length = 0;
    uint64_t mask = 0;

    for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
        if (!(expected->given & present->given & UINT64_C(1) << i) ||
            memcmp(expected->values[i], present->values[i], digest_size) == 0)
            continue;
        mask |= UINT64_C(1) << i;
        if (length < size)
            length += (size_t)snprintf(
                text + length, size - length, "%s%u (is %s…, expected %s…)", length ? ", " : "", i,
                sodium_bin2hex(is, sizeof(is), present->values[i], SHOWN_BYTES),
                sodium_bin2hex(should, sizeof(should), expected->values[i], SHOWN_BYTES));
    }
    return mask;
}

/* Writes which PCRs differ from SEALED's expectations; false if none does, or there are none. */
static bool explain(const TpmSealedView *sealed, const TpmPcrs *present, Reason *reason)
{
    const TpmPcrs *expected = sealed->expected;
    char list[160];
    uint64_t mask;

    if (!expected || !(expected->given & sealed->pcr_mask) || expected->bank != sealed->pcr_bank)
        return false;
    mask = list_differing(expected, present, list, sizeof(list));
    if (mask == 0)
        return false;
    reason_set(reason, OUTCOME_TPM_PCR_MISMATCH, "PCR %s%s", list,
               is_sealed_for(sealed, expected, present)
                   ? ""
                   : "; but the expected values are not those that it was sealed for");
    tpm_pcr_append_causes(mask, reason);
    return true;
}

int tpm_pcr_mismatch(Tpm *tpm, const TpmSealedView *sealed, Reason *reason)
{
    char numbers[TPM_PCR_TEXT_BYTES];
    TpmPcrs present;
    int r = tpm_pcr_peek(tpm, sealed->pcr_mask, sealed->pcr_bank, reason, &present);

    if (r == OUTCOME_TPM_UNABLE)
        return r;
    if (r == 0 && explain(sealed, &present, reason))
        return OUTCOME_TPM_PCR_MISMATCH;
    tpm_pcr_mask_format(sealed->pcr_mask, numbers);
    reason_set(reason, OUTCOME_TPM_PCR_MISMATCH, "sealed for PCR %s (%s) with other values",
               numbers, tpm_bank_name(sealed->pcr_bank));
    tpm_pcr_append_causes(sealed->pcr_mask, reason);
    return OUTCOME_TPM_PCR_MISMATCH;
}
