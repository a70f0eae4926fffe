/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "store/rollback_state.h"

#include "base/base64.h"
#include "base/names.h"
#include "base/timestamp.h"
#include "tpm/counter.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_BYTES crypto_auth_hmacsha256_BYTES
#define MAC_LINE  "mac "

_Static_assert(crypto_auth_hmacsha256_KEYBYTES == ROLLBACK_KEY_BYTES, "the key of the MAC");

/* The lines of a fleet, of which each has two numbers of 16 digits at most, and the rest. */
_Static_assert(LIMIT_ROLLBACK_FLEETS *(sizeof("fleet ") + LIMIT_FLEET_NAME_BYTES + 2 * 17) + 512 <=
                   LIMIT_ROLLBACK_BYTES,
               "the text has room");

/* The limit of both kinds of numbers: of sequences, and of what a counter can reach. */
_Static_assert(LIMIT_FLEET_SEQUENCE == (UINT64_C(1) << 53) - 1, "16 digits");

bool rollback_counter_valid(uint32_t counter)
{
    return counter >= TPM_COUNTER_FIRST && counter <= TPM_COUNTER_LAST;
}

bool rollback_state_pending(const RollbackState *state)
{
    bool pending = memcmp(state->store, state->before, sizeof(state->store)) != 0;

    for (size_t i = 0; i < state->fleet_count; i++)
        pending = pending || state->fleets[i].sequence != state->fleets[i].before;
    return pending;
}

bool rollback_state_equal(const RollbackState *a, const RollbackState *b)
{
    bool equal = a->counter == b->counter && a->value == b->value && a->counted == b->counted &&
                 a->changed == b->changed && a->fleet_count == b->fleet_count &&
                 memcmp(a->store, b->store, sizeof(a->store)) == 0 &&
                 memcmp(a->before, b->before, sizeof(a->before)) == 0;

    for (size_t i = 0; equal && i < a->fleet_count; i++)
        equal = strcmp(a->fleets[i].name, b->fleets[i].name) == 0 &&
                a->fleets[i].sequence == b->fleets[i].sequence &&
                a->fleets[i].before == b->fleets[i].before;
    return equal;
}

RollbackFleet *rollback_state_find(RollbackState *state, const char *fleet)
{
    for (size_t i = 0; i < state->fleet_count; i++)
        if (strcmp(state->fleets[i].name, fleet) == 0)
            return &state->fleets[i];
    return NULL;
}

RollbackFleet *rollback_state_add(RollbackState *state, const char *fleet)
{
    size_t at = 0;

    if (state->fleet_count == LIMIT_ROLLBACK_FLEETS)
        return NULL;
    while (at < state->fleet_count && strcmp(state->fleets[at].name, fleet) < 0)
        at++;
    memmove(&state->fleets[at + 1], &state->fleets[at],
            (state->fleet_count - at) * sizeof(state->fleets[0]));
    state->fleet_count++;
    state->fleets[at] = (RollbackFleet){0};
    snprintf(state->fleets[at].name, sizeof(state->fleets[at].name), "%s", fleet);
    return &state->fleets[at];
}

/* --- writing --- */

static size_t format_lines(const RollbackState *state, char text[LIMIT_ROLLBACK_BYTES])
{
    char counted[TIMESTAMP_UTC_BYTES], store[2 * ROLLBACK_INDEX_BYTES + 1],
        before[2 * ROLLBACK_INDEX_BYTES + 1];
    int length;

    timestamp_format_utc(state->counted, counted);
    sodium_bin2hex(store, sizeof(store), state->store, sizeof(state->store));
    sodium_bin2hex(before, sizeof(before), state->before, sizeof(state->before));
    length = snprintf(text, LIMIT_ROLLBACK_BYTES,
                      "nspawn-creds-rollback 1\n"
                      "counter 0x%08" PRIx32 "\n"
                      "value %" PRIu64 "\n"
                      "counted %s\n"
                      "changed %s\n"
                      "store %s %s\n",
                      state->counter, state->value, counted, state->changed ? "yes" : "no", store,
                      before);
    for (size_t i = 0; i < state->fleet_count; i++)
        length += snprintf(text + length, LIMIT_ROLLBACK_BYTES - (size_t)length,
                           "fleet %s %" PRIu64 " %" PRIu64 "\n", state->fleets[i].name,
                           state->fleets[i].sequence, state->fleets[i].before);
    return (size_t)length;
}

static void add_mac(const Secret *key, char *text, size_t length)
{
    uint8_t mac[MAC_BYTES];
    char hex[2 * MAC_BYTES + 1];

    crypto_auth_hmacsha256(mac, (const uint8_t *)text, length, secret_view(key).data);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    snprintf(text + length, LIMIT_ROLLBACK_BYTES - length, MAC_LINE "%s\n", hex);
}

void rollback_state_format(const RollbackState *state, const Secret *key,
                           char text[LIMIT_ROLLBACK_BYTES])
{
    add_mac(key, text, format_lines(state, text));
}

/* --- reading: the result must be written as rollback_state_format() writes it --- */

static bool read_number(const char *text, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = text ? strtoull(text, &end, 10) : 0;
    return text && errno == 0 && end != text && *end == '\0' && *ret <= LIMIT_FLEET_SEQUENCE;
}

static bool read_index(const char *text, uint8_t ret[ROLLBACK_INDEX_BYTES])
{
    return text && hex_decode(text_view(text), ret, ROLLBACK_INDEX_BYTES);
}

static bool read_fleet(char *rest, RollbackState *state)
{
    const char *name = strsep(&rest, " "), *sequence = strsep(&rest, " ");
    RollbackFleet *fleet = NULL;

    if (name && fleet_name_valid(name) && !rollback_state_find(state, name))
        fleet = rollback_state_add(state, name);
    return fleet && read_number(sequence, &fleet->sequence) && read_number(rest, &fleet->before);
}

static bool read_line(char *line, RollbackState *state)
{
    const char *word = strsep(&line, " ");
    uint8_t mac[MAC_BYTES];

    if (!line)
        return false;
    if (strcmp(word, "nspawn-creds-rollback") == 0)
        return strcmp(line, "1") == 0;
    if (strcmp(word, "counter") == 0) {
        state->counter = (uint32_t)strtoul(line, NULL, 16);
        return rollback_counter_valid(state->counter);
    }
    if (strcmp(word, "value") == 0)
        return read_number(line, &state->value);
    if (strcmp(word, "counted") == 0)
        return timestamp_parse_utc(line, &state->counted);
    if (strcmp(word, "changed") == 0)
        return (state->changed = strcmp(line, "yes") == 0) || strcmp(line, "no") == 0;
    if (strcmp(word, "store") == 0) {
        const char *store = strsep(&line, " ");

        return read_index(store, state->store) && read_index(line, state->before);
    }
    if (strcmp(word, "fleet") == 0)
        return read_fleet(line, state);
    return strcmp(word, "mac") == 0 && hex_decode(text_view(line), mac, sizeof(mac));
}

int rollback_state_parse(BytesView text, const Secret *key, Reason *reason, RollbackState *ret)
{
    char copy[LIMIT_ROLLBACK_BYTES] = "", again[LIMIT_ROLLBACK_BYTES], *rest = copy;
    RollbackState state = {0};
    size_t length;

    if (text.size >= LIMIT_ROLLBACK_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "it has more than %zu bytes",
                          LIMIT_ROLLBACK_BYTES - 1);
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    for (unsigned number = 1; rest && *rest; number++)
        if (!read_line(strsep(&rest, "\n"), &state))
            return reason_set(reason, OUTCOME_MALFORMED, "line %u is not valid", number);
    length = format_lines(&state, again);
    if (text.size <= length || memcmp(text.data, again, length) != 0)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "a line is missing, twice there, or written differently");
    add_mac(key, again, length);
    if (text.size != strlen(again) || sodium_memcmp(text.data, again, text.size) != 0)
        return reason_set(reason, OUTCOME_NOT_AUTHENTIC, "it was not written with this host's key");
    *ret = state;
    return 0;
}

/* --- the verdict --- */

RollbackVerdict rollback_state_judge(const RollbackState *state, uint64_t value, Reason *reason)
{
    if (value == state->value)
        return ROLLBACK_NONE;
    if (value + 1 == state->value)
        return ROLLBACK_RESUME;
    if (value > state->value)
        reason_set(reason, OUTCOME_ROLLED_BACK,
                   "the TPM's counter is at %" PRIu64 ", and this disk is as it was at %" PRIu64
                   ": an older copy of it was put back",
                   value, state->value);
    else
        reason_set(reason, OUTCOME_ROLLED_BACK,
                   "the TPM's counter is at %" PRIu64 ", and this disk has already seen %" PRIu64
                   ": it is the counter of another TPM",
                   value, state->value);
    return ROLLBACK_NOTICED;
}
