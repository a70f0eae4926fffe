/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The text of a host's rollback state (store/rollback.h).
 *
 *     nspawn-creds-rollback 1
 *     counter 0x01804e43
 *     value 17
 *     counted 2026-12-01T09:00:00Z
 *     changed no
 *     store HEX HEX
 *     fleet prod 42 42
 *     mac HEX
 *
 * Exactly these lines, each with a line feed; one for each fleet, sorted by name; numbers are
 * decimal without leading zeros, hexadecimal digits lower-case. Any other way to write the same is
 * refused. The MAC is HMAC-SHA256 of the lines before it.
 *
 * Pure: no I/O.
 */

#include "base/bytes.h"
#include "base/limits.h"
#include "base/outcome.h"
#include "secret/secret.h"

#include <stdbool.h>

#define ROLLBACK_KEY_BYTES   ((size_t)32)
#define ROLLBACK_INDEX_BYTES ((size_t)32)

/* Of a fleet: the sequence that this host has accepted. While it is being changed, .before is the
 * earlier one, 0 if there was none; otherwise both are the same. */
typedef struct RollbackFleet {
    char name[LIMIT_FLEET_NAME_BYTES + 1];
    uint64_t sequence;
    uint64_t before;
} RollbackFleet;

typedef struct RollbackState {
    uint32_t counter; /* the NV index (tpm/counter.h) */
    uint64_t value;   /* the counter's, or one more while it is being incremented */
    uint64_t counted; /* when .value was written, µs since 1970, whole seconds */
    bool changed;     /* something changed since then */
    /* the index of the store, and while that is being changed the earlier one */
    uint8_t store[ROLLBACK_INDEX_BYTES], before[ROLLBACK_INDEX_BYTES];
    RollbackFleet fleets[LIMIT_ROLLBACK_FLEETS];
    size_t fleet_count;
} RollbackState;

/* Whether a change of the store or of a fleet has begun and not ended. */
bool rollback_state_pending(const RollbackState *state);

bool rollback_state_equal(const RollbackState *a, const RollbackState *b);

/* The entry of a fleet; NULL if there is none. */
RollbackFleet *rollback_state_find(RollbackState *state, const char *fleet);

/* Adds an entry with the sequence 0. NULL if there is no room. */
RollbackFleet *rollback_state_add(RollbackState *state, const char *fleet);

/* KEY has ROLLBACK_KEY_BYTES. */
void rollback_state_format(const RollbackState *state, const Secret *key,
                           char text[LIMIT_ROLLBACK_BYTES]);

/* OUTCOME_MALFORMED; OUTCOME_NOT_AUTHENTIC if the MAC is not right. */
int rollback_state_parse(BytesView text, const Secret *key, Reason *reason, RollbackState *ret);

/* Whether COUNTER is an NV index that a counter may have. */
bool rollback_counter_valid(uint32_t counter);

/* --- the verdict --- */

typedef enum RollbackVerdict {
    ROLLBACK_NONE,
    ROLLBACK_RESUME,  /* the counter was about to be incremented */
    ROLLBACK_NOTICED, /* OUTCOME_ROLLED_BACK */
} RollbackVerdict;

/* Compares STATE with the VALUE of the TPM's counter. */
RollbackVerdict rollback_state_judge(const RollbackState *state, uint64_t value, Reason *reason);
