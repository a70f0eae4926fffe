/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCRs, their banks and their values as text. Pure. See tpm.h.
 *
 * Only numbers are accepted: systemd's names for PCRs differ between its versions.
 */

#include "tpm/tpm.h"

#include "base/base64.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* Reads the number at *CURSOR and moves past it; TPM_PCR_COUNT if it is not a PCR. */
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

const char *tpm_bank_name(uint16_t bank)
{
    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (banks[i].bank == bank)
            return banks[i].name;
    return "unknown";
}

size_t tpm_bank_digest_bytes(uint16_t bank)
{
    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (banks[i].bank == bank)
            return banks[i].bytes;
    return 0;
}

/* Reads the name of a bank at *CURSOR and moves past it; 0 if there is none. */
static uint16_t parse_bank(const char **cursor)
{
    size_t length = strcspn(*cursor, "=+,");

    for (size_t i = 0; i < sizeof(banks) / sizeof(banks[0]); i++)
        if (strlen(banks[i].name) == length && strncmp(*cursor, banks[i].name, length) == 0) {
            *cursor += length;
            return banks[i].bank;
        }
    return 0;
}

/* Reads the digits of exactly SIZE bytes at *CURSOR, and moves past them. */
static bool parse_value(const char **cursor, size_t size, uint8_t *ret)
{
    const char *digits = *cursor;
    size_t length;

    if (strncmp(digits, "0x", 2) == 0)
        digits += 2;
    length = strcspn(digits, "+,");
    *cursor = digits + length;
    return hex_decode((BytesView){(const uint8_t *)digits, length}, ret, size);
}

/* Reads one PCR with its bank and value. Returns NULL, or what is wrong. */
static const char *parse_pcr(const char **cursor, TpmPcrs *pcrs)
{
    unsigned number = parse_number(cursor);
    uint16_t bank;

    if (number == TPM_PCR_COUNT)
        return "a PCR is a number from 0 to 23";
    if (pcrs->given & UINT64_C(1) << number)
        return "a PCR occurs twice";
    pcrs->mask |= UINT64_C(1) << number;
    if (**cursor != ':')
        return NULL;
    (*cursor)++;
    bank = parse_bank(cursor);
    if (bank == 0)
        return "a bank is sha1, sha256, sha384 or sha512";
    if (pcrs->bank != 0 && pcrs->bank != bank)
        return "all PCRs must be from the same bank";
    pcrs->bank = bank;
    if (**cursor != '=')
        return NULL;
    (*cursor)++;
    if (!parse_value(cursor, tpm_bank_digest_bytes(bank), pcrs->values[number]))
        return "a value has as many hexadecimal digits as its bank's digests";
    pcrs->given |= UINT64_C(1) << number;
    return NULL;
}

int tpm_pcrs_parse(const char *text, Reason *reason, TpmPcrs *ret)
{
    const char *cursor = text, *wrong = NULL;
    TpmPcrs pcrs = {0};

    while (*text != '\0') {
        wrong = parse_pcr(&cursor, &pcrs);
        if (!wrong && *cursor == '\0')
            break;
        if (!wrong && *cursor != '+' && *cursor != ',')
            wrong = "PCRs are joined by +";
        if (wrong)
            return reason_set(reason, OUTCOME_USAGE,
                              "\"%.100s\" is not a list of PCRs such as 7+11 or "
                              "7:sha256=0123…+11: %s",
                              text, wrong);
        cursor++;
    }
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
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();
    bool good = list != NULL;

    for (unsigned i = 0; good && i < TPM_PCR_COUNT; i++)
        if (mask & UINT64_C(1) << i)
            good = json_object_array_add(list, json_object_new_int((int)i)) == 0;
    return good ? TAKE_PTR(list) : NULL;
}
