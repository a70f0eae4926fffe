/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCRs, their banks and their values as text. Pure. See tpm.h.
 *
 * Only numbers are accepted: systemd's names for PCRs differ between its versions.
 */

#include "tpm/tpm.h"

#include "base/base64.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The PCR banks. */
static const struct {
    uint16_t bank;
    const char *name;
    size_t bytes; /* size of a digest */
} banks[] = {
    {TPM_ALGORITHM_SHA1, "sha1", 20},
    {TPM_ALGORITHM_SHA256, "sha256", 32},
    {TPM_ALGORITHM_SHA384, "sha384", 48},
    {TPM_ALGORITHM_SHA512, "sha512", 64},
};
#define BANKS (sizeof(banks) / sizeof(banks[0]))

const char *tpm_bank_name(uint16_t bank)
{
    for (size_t i = 0; i < BANKS; i++)
        if (banks[i].bank == bank)
            return banks[i].name;
    return "unknown";
}

size_t tpm_bank_digest_bytes(uint16_t bank)
{
    for (size_t i = 0; i < BANKS; i++)
        if (banks[i].bank == bank)
            return banks[i].bytes;
    return 0;
}

/* Parses one PCR, NUMBER[:BANK[=VALUE]], which it takes apart. Returns NULL, or what is wrong. */
static const char *parse_pcr(char *text, TpmPcrs *pcrs)
{
    const char *digits = strsep(&text, ":"), *name = text ? strsep(&text, "=") : NULL;
    size_t length = strlen(digits), i = 0;
    unsigned number = length <= 2 ? (unsigned)strtoul(digits, NULL, 10) : TPM_PCR_COUNT;

    if (length == 0 || strspn(digits, "0123456789") != length || number >= TPM_PCR_COUNT)
        return "a PCR is a number from 0 to 23, and PCRs are joined by +";
    if (pcrs->given & UINT64_C(1) << number)
        return "a PCR occurs twice";
    pcrs->mask |= UINT64_C(1) << number;
    if (!name)
        return NULL;
    while (i < BANKS && strcmp(banks[i].name, name) != 0)
        i++;
    if (i == BANKS)
        return "a bank is sha1, sha256, sha384 or sha512";
    if (pcrs->bank != 0 && pcrs->bank != banks[i].bank)
        return "all PCRs must be from the same bank";
    pcrs->bank = banks[i].bank;
    if (!text)
        return NULL;
    if (strncmp(text, "0x", 2) == 0)
        text += 2;
    if (!hex_decode(text_view(text), pcrs->values[number], banks[i].bytes))
        return "a value has as many hexadecimal digits as its bank's digests";
    pcrs->given |= UINT64_C(1) << number;
    return NULL;
}

int tpm_pcrs_parse(const char *text, Reason *reason, TpmPcrs *ret)
{
    _cleanup_(freep) char *copy = strdup(text);
    char *rest = *text ? copy : NULL, *item;
    const char *wrong = NULL;
    TpmPcrs pcrs = {0};

    if (!copy)
        return reason_set(reason, -ENOMEM, "cannot parse the list of PCRs");
    while (!wrong && (item = strsep(&rest, "+,")))
        wrong = parse_pcr(item, &pcrs);
    if (wrong)
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.100s\" is not a list of PCRs such as 7+11 or "
                          "7:sha256=0123…+11: %s",
                          text, wrong);
    *ret = pcrs;
    return 0;
}

int tpm_pcr_mask_parse(const char *text, Reason *reason, uint64_t *ret)
{
    TpmPcrs pcrs;
    int r = tpm_pcrs_parse(text, reason, &pcrs);

    if (r == 0 && pcrs.bank != 0)
        r = reason_set(
            reason, OUTCOME_USAGE,
            "\"%.100s\" is not a list of PCRs such as 7+11: no bank and no values can be "
            "given here",
            text);
    if (r == 0)
        *ret = pcrs.mask;
    return r;
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

bool tpm_pcrs_measured(const TpmPcrs *pcrs, uint64_t mask)
{
    static const uint8_t zeros[TPM_PCR_BYTES_MAX];
    uint8_t ones[TPM_PCR_BYTES_MAX];
    size_t size = tpm_bank_digest_bytes(pcrs->bank);

    memset(ones, 0xff, sizeof(ones));
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (mask & UINT64_C(1) << i && memcmp(pcrs->values[i], zeros, size) != 0 &&
            memcmp(pcrs->values[i], ones, size) != 0)
            return true;
    return false;
}

void tpm_note_unmeasured_pcrs(const TpmPcrs *pcrs, uint64_t mask, const Observer *observer)
{
    char numbers[TPM_PCR_TEXT_BYTES];

    if (mask == 0 || tpm_pcrs_measured(pcrs, mask))
        return;
    tpm_pcr_mask_format(mask, numbers);
    observer_note(observer,
                  "Nothing was measured into PCR %s (%s): being sealed for it does not protect.",
                  numbers, tpm_bank_name(pcrs->bank));
}

void tpm_pcrs_take(const TpmPcrs *from, TpmPcrs *pcrs)
{
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (from->given & UINT64_C(1) << i)
            memcpy(pcrs->values[i], from->values[i], sizeof(pcrs->values[i]));
    pcrs->given |= from->given;
}

struct json_object *tpm_pcr_mask_to_json(uint64_t mask)
{
    struct json_object *list = json_object_new_array();

    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (mask & UINT64_C(1) << i)
            json_append(list, json_object_new_int((int)i));
    return list;
}
