/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Secret: the one type that plaintext and keys live in.
 *
 * Its pages are locked into memory, left out of core dumps, emptied in forked children, fenced by
 * guard pages and zeroed when freed. A kernel that refuses to lock them is an error. There is no
 * formatter and no copy into ordinary memory; what needs the bytes borrows them.
 *
 * Not a boundary against root or a debugger of the same user, see docs/THREAT-MODEL.md.
 */

#include "base/bytes.h"
#include "base/outcome.h"

typedef struct Secret Secret;

/* SIZE zero bytes (0 is allowed). -ENOMEM if there is no memory or it cannot be locked, with the
 * limit to raise in REASON. */
int secret_new(size_t size, Reason *reason, Secret **ret);

/* NULL is allowed; always returns NULL. */
Secret *secret_free(Secret *secret);
DEFINE_CLEANUP(Secret *, secret_free);

/* A copy of VIEW, which the caller wipes if it owns it. */
int secret_new_from(BytesView view, Reason *reason, Secret **ret);

size_t secret_size(const Secret *secret);
/* Cuts to the first SIZE bytes and zeroes the rest. SIZE must not be larger than it was. */
void secret_truncate(Secret *secret, size_t size);

/* Zeroes the first SIZE bytes, of as many at least, and has the secret begin behind them. */
void secret_drop_front(Secret *secret, size_t size);

/* Borrowed until secret_free(). */
uint8_t *secret_borrow(Secret *secret);
BytesView secret_view(const Secret *secret);

/* In constant time for equal sizes. */
bool secret_equal(const Secret *a, const Secret *b);

/* Reads FD to its end into a secret, at most LIMIT bytes: OUTCOME_TOO_LARGE beyond, a negative
 * errno if a read fails. The bytes never touch other memory. */
int secret_read_fd(int fd, size_t limit, Reason *reason, Secret **ret);

/* Makes this process one that may hold secrets: not dumpable, no core, not traceable by its own
 * user. */
int secret_harden_process(Reason *reason);

/* Erasers for stack temporaries: `uint8_t digest[32]` … `_cleanup_(erase_…)`. */
void secret_erase(void *bytes, size_t size);

/* A 32-byte stack temporary that is wiped at the end of its scope. */
typedef struct SecretTemporary {
    uint8_t bytes[32];
} SecretTemporary;

void secret_temporary_done(SecretTemporary *temporary);
