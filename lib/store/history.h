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
 *     boot            of a predecessor: the boot id when it was resealed
 *
 * The first object describes the current value, of which it has verb and uid alone; the earlier
 * ones follow, most recent first. Without the file there are none.
 *
 * The second object may be a predecessor: the same value as the current one, which was resealed for
 * PCR values that this host is expected to have after a reboot. The broker opens it if the TPM
 * refuses the current file because of its PCRs, and nowhere else is it delivered. When one of the
 * two has opened in another boot, that one becomes the current file, and the other one goes.
 *
 * A commit changes it together with the sealed file only (StoreChange in store/commit.h), so that
 * whoever knows that the sealed file has not changed knows the same of the earlier ones.
 */

#include "store/commit.h"

#include <systemd/sd-id128.h>

/* The current value and the earlier ones. */
#define STORE_HISTORY_VALUES ((size_t)LIMIT_HISTORY + 1)

typedef struct StoreValue {
    char verb[STORE_VERB_BYTES]; /* as StoreOrigin; "" if unknown, like a uid of -1 */
    uid_t uid;
    uint64_t written; /* 0 if unknown */
    Bytes sealed, public;
    sd_id128_t boot; /* of a predecessor; else null */
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

/* The predecessor in HISTORY; NULL if there is none. */
static inline StoreValue *store_history_predecessor(StoreHistory *history)
{
    return history->count > 1 && !sd_id128_is_null(history->values[1].boot) ? &history->values[1]
                                                                            : NULL;
}

/* Removes the predecessor, if there is one. */
void store_history_drop_predecessor(StoreHistory *history);

/* Makes SEALED, which is taken over, the predecessor of the current value, instead of an earlier
 * one. The oldest value gives way if there are too many. */
void store_history_add_predecessor(StoreHistory *history, sd_id128_t boot, Bytes *sealed);

/* Reads the earlier values of NAME. Returns what store_read() returns, but 0 if there are none; and
 * OUTCOME_MALFORMED. */
int store_read_history(const Store *store, const CredentialName *name, Reason *reason,
                       StoreHistory *ret);

/* Reads the predecessor of NAME, and in which boot it was resealed (NULL: does not matter). Returns
 * what store_read_history() returns, and OUTCOME_NOT_FOUND if there is none. */
int store_read_predecessor(const Store *store, const CredentialName *name, Reason *reason,
                           sd_id128_t *ret_boot, Bytes *ret);
