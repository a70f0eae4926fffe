/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: PCRs as text, with and without banks and values.
 *
 * Text that is accepted names existing PCRs, and values of only these. A plain list means the same
 * to both parsers, and to a parser of the formatted list.
 */

#include "tpm/tpm.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const char *text, uint64_t mask)
{
    char written[TPM_PCR_TEXT_BYTES];
    TpmPcrs pcrs;
    uint64_t again;

    assert((mask & ~TPM_PCR_MASK_ALL) == 0);
    tpm_pcr_mask_format(mask, written);
    assert(strlen(written) < sizeof(written));
    assert(tpm_pcr_mask_parse(written, NULL, &again) == 0 && again == mask);
    assert(tpm_pcrs_parse(text, NULL, &pcrs) == 0);
    assert(pcrs.mask == mask && pcrs.given == 0 && pcrs.bank == 0);
}

static void check_values(const TpmPcrs *pcrs)
{
    static const uint8_t nothing[TPM_PCR_BYTES_MAX] = {0};
    size_t size = tpm_bank_digest_bytes(pcrs->bank);

    assert((pcrs->mask & ~TPM_PCR_MASK_ALL) == 0 && (pcrs->given & ~pcrs->mask) == 0);
    assert(pcrs->given == 0 || size > 0);
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (pcrs->given & UINT64_C(1) << i)
            assert(memcmp(pcrs->values[i] + size, nothing, sizeof(nothing) - size) == 0);
        else
            assert(memcmp(pcrs->values[i], nothing, sizeof(nothing)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(freep) char *text = strndup((const char *)data, size);
    Reason reason = {0};
    uint64_t mask;
    TpmPcrs pcrs;
    int r = tpm_pcrs_parse(text, &reason, &pcrs);

    assert(r == 0 || (r == OUTCOME_USAGE && reason.text[0]));
    if (r == 0)
        check_values(&pcrs);
    if (tpm_pcr_mask_parse(text, NULL, &mask) == 0)
        check_list(text, mask);
    return 0;
}
