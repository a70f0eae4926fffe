/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Rollback protection: notices that the store, or a fleet's accepted set, is an older one.
 *
 * The folder "rollback" beside the store has a state: an index of the store, the sequences that
 * were accepted of fleets, and the value of a counter in the TPM, which nobody can wind back. A
 * disk that was restored has an older state, whose value is less than the counter's; a store that
 * was restored without the state has another index.
 *
 *     store_commit()       state: new index and old one, "changed"   rollback_note_begin()
 *                          the store changes
 *                          state: new index, "changed"               rollback_note_end()
 *     rollback_advance()   state: value + 1, not "changed"
 *                          the counter is incremented
 *
 * All writes of the state are atomic and durable. Killed anywhere, the next program can tell what
 * was going on: a store with either index is right while both are there, and a value that is one
 * more than the counter's means that the increment is missing. Everything else is a rollback.
 *
 * The counter is not incremented for each change, because chips wear out: changes soon after an
 * increment share the next one. Until then a rollback to the time between them may go unnoticed.
 *
 * The index is the sum modulo 2^256 of a keyed hash for each sealed file that can be read, so that
 * a commit computes it from the files that it changes. The key is a file in the folder. It keeps
 * the state of another host, and damage, from being taken for right; whoever writes to the disk can
 * read it, and could as well edit whom the host trusts.
 *
 * Protection is on while the folder has the key and the state. If only one of them is there, that
 * is a rollback, too.
 */

#include "base/context.h"
#include "base/names.h"
#include "store/rollback_state.h"
#include "store/store.h"

#include <limits.h>

typedef struct Rollback Rollback;

/* Opens the folder beside the host's store, whose absolute path is STORE. OUTCOME_NOT_FOUND if
 * protection is off; OUTCOME_ROLLED_BACK if the key is missing or not valid; a negative errno. */
int rollback_open(const char *store, Reason *reason, Rollback **ret);
Rollback *rollback_free(Rollback *rollback);
DEFINE_CLEANUP(Rollback *, rollback_free);

/* Makes folder and key unless they are there. For root. */
int rollback_make(const Context *context, const char *store, Reason *reason);

/* Removes state and key. Returns 0 also if there are none. */
int rollback_remove(const char *store, Reason *reason);

/* Takes the lock of the state, for a short while: it is never held while the TPM works. Closing
 * RET_FD releases it. OUTCOME_TIMEOUT. */
int rollback_lock(const Rollback *rollback, Reason *reason, int *ret_fd);

/* OUTCOME_ROLLED_BACK if there is no state, or it is not valid; a negative errno. */
int rollback_read(const Rollback *rollback, Reason *reason, RollbackState *ret);

/* Replaces the state. The caller holds the lock, and read the state under it. */
int rollback_write(const Rollback *rollback, const RollbackState *state, Reason *reason);

/* Reads all of STORE. Returns 0, or what store_list() returns. */
int rollback_index(const Rollback *rollback, const Store *store, Reason *reason,
                   uint8_t ret[ROLLBACK_INDEX_BYTES]);

/* --- a commit --- */

/* What a commit concerns. */
typedef struct RollbackScope {
    const char *store;         /* the absolute path of the host's own store */
    const char *fleet;         /* NULL: the commit changes that; otherwise the set of this fleet */
    uint64_t sequence, before; /* of the fleet: the one that is accepted now, and the last one */
} RollbackScope;

typedef struct RollbackNote RollbackNote;

/* Begins a note of a commit to STORE, whose lock the caller holds. RET is NULL if protection is
 * off, or a rollback was noticed: then the commit goes on, and the state stays as it is. */
int rollback_note_new(const RollbackScope *scope, const Store *store, Reason *reason,
                      RollbackNote **ret);
RollbackNote *rollback_note_free(RollbackNote *note); /* NULL is allowed */
DEFINE_CLEANUP(RollbackNote *, rollback_note_free);

/* NAME's sealed file is replaced by FILE (empty: removed). Returns 0 or a negative errno. */
int rollback_note_file(RollbackNote *note, const CredentialName *name, BytesView file,
                       Reason *reason);

/* Writes that the commit begins. A negative errno, OUTCOME_TIMEOUT, or OUTCOME_TOO_LARGE for too
 * many fleets: the commit must not go on. */
int rollback_note_begin(RollbackNote *note, Reason *reason);

/* Writes that it has ended, and whether it is DONE. If that fails, the next program finds out. */
void rollback_note_end(RollbackNote *note, bool done);

/* --- the counter --- */

/* Increments the TPM's COUNTER. */
typedef int (*RollbackIncrement)(const char *device, uint32_t counter, Reason *reason);

/* Writes the next value if something has changed, or takes up where an earlier call was
 * interrupted, and increments. VALUE is the counter's now, RET_VALUE then; NOW the time, µs since
 * 1970. Does not run twice at a time: OUTCOME_TIMEOUT
 * if another process is at it. OUTCOME_ROLLED_BACK if the state has neither VALUE nor the next one;
 * what INCREMENT returns: the counter's value is unknown then; a negative errno. */
int rollback_advance(const Rollback *rollback, uint64_t value, uint64_t now, const char *device,
                     RollbackIncrement increment, Reason *reason, uint64_t *ret_value);
