/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCR masks and banks as text. Pure. See tpm.h.
 *
 * Only numbers are read: the names that newer versions of systemd have for PCRs differ between
 * them.
 */

#include "tpm/tpm.h"

#include <stdio.h>
#include <string.h>

/* Reads the number at *CURSOR and moves behind it; TPM_PCR_COUNT if there is none, or none that is
 * a PCR. */
static unsigned parse_number(const char **cursor)
{
    unsigned number = 0;
    size_t digits = strspn(*cursor, "0123456789");

    if (digits == 0 || digits > 2)
        return TPM_PCR_COUNT;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (unsigned)((*cursor)[i] - '0');
    *cursor += digits;
    return number < TPM_PCR_COUNT ? number : TPM_PCR_COUNT;
}

int tpm_pcr_mask_parse(const char *text, Reason *reason, uint64_t *ret)
{
    const char *cursor = text;
    uint64_t mask = 0;
    unsigned number;

    if (text[0] == '\0') {
        *ret = 0;
        return 0;
    }
    for (;;) {
        number = parse_number(&cursor);
        if (number == TPM_PCR_COUNT)
            break;
        mask |= UINT64_C(1) << number;
        if (*cursor == '\0') {
            *ret = mask;
            return 0;
        }
        if (*cursor != '+' && *cursor != ',')
            break;
        cursor++;
    }
    return reason_set(reason, OUTCOME_USAGE,
                      "\"%.40s\" is not a list of PCRs: write numbers from 0 to %u with + between "
                      "them, such as 7+11",
                      text, TPM_PCR_COUNT - 1);
}

void tpm_pcr_mask_format(uint64_t mask, char text[TPM_PCR_TEXT_BYTES])
{
    size_t length = 0;

    text[0] = '\0';
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (mask & UINT64_C(1) << i)
            length += (size_t)snprintf(text + length, TPM_PCR_TEXT_BYTES - length, "%s%u",
                                       length ? "+" : "", i);
}

const char *tpm_bank_name(uint16_t bank)
{
    switch (bank) {
    case TPM_ALGORITHM_SHA1:
        return "sha1";
    case TPM_ALGORITHM_SHA256:
        return "sha256";
    case TPM_ALGORITHM_SHA384:
        return "sha384";
    case TPM_ALGORITHM_SHA512:
        return "sha512";
    default:
        return "unknown";
    }
}
