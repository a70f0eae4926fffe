/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The earlier values of a credential, as they were sealed, so that one can be put back.
 *
 * They are in the store's MACHINE/ID.old, which nothing delivers and nothing takes for a
 * credential: strict JSON, an array of objects with these members, all optional strings or numbers:
 *
 *     verb, uid       the command that wrote the value, and its user
 *     writtenUSec     when, in µs since 1970
 *     sealed          the sealed file, in base64
 *     public          the public half
 *
 * The first object describes the current value, of which it has verb and uid alone; its
 * predecessors follow, most recent first. Without the file there are none.
 *
 * A commit changes it together with the sealed file only (StoreChange in store/commit.h), so that
 * whoever knows that the sealed file has not changed knows the same of its predecessors.
 */

#include "store/commit.h"

/* The current value and its predecessors. */
#define STORE_HISTORY_VALUES ((size_t)LIMIT_HISTORY + 1)

typedef struct StoreValue {
    char verb[STORE_VERB_BYTES]; /* as StoreOrigin; "" if unknown, like a uid of -1 */
    uid_t uid;
    uint64_t written; /* 0 if unknown */
    Bytes sealed, public;
} StoreValue;

typedef struct StoreHistory {
    StoreValue values[STORE_HISTORY_VALUES];
    size_t count; /* 0, or at least 2 */
} StoreHistory;

void store_history_done(StoreHistory *history); /* for _cleanup_ */

/* Parses the file TEXT. OUTCOME_MALFORMED; -ENOMEM. */
int store_history_parse(BytesView text, Reason *reason, StoreHistory *ret);

/* Formats the file; empty if there is no earlier value. Leaves out the oldest ones if they make it
 * larger than LIMIT_FILE_BYTES. -ENOMEM. */
int store_history_format(const StoreHistory *history, Bytes *ret);

/* Reads the earlier values of NAME. Returns what store_read() returns, but 0 if there are none; and
 * OUTCOME_MALFORMED. */
int store_read_history(const Store *store, const CredentialName *name, Reason *reason,
                       StoreHistory *ret);
