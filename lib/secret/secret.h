/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Secret: the one type for plaintext and keys.
 *
 * Its pages are locked into memory, excluded from core dumps, empty in forked children, surrounded
 * by guard pages and zeroed when freed. If the kernel refuses to lock them, that is an error. There
 * is no formatter and no copy into ordinary memory; callers borrow the bytes.
 *
 * This is no protection from root or a debugger of the same user, see docs/THREAT-MODEL.md.
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"

typedef struct Secret Secret;

/* Allocates SIZE zero bytes (0 is allowed). -ENOMEM if there is no memory or it cannot be locked;
 * REASON then names the limit to raise. */
int secret_new(size_t size, Reason *reason, Secret **ret);

/* Wipes and frees; NULL is allowed. Always returns NULL. */
Secret *secret_free(Secret *secret);
DEFINE_CLEANUP(Secret *, secret_free);

/* Copies VIEW. If the caller owns it, the caller wipes it. */
int secret_new_from(BytesView view, Reason *reason, Secret **ret);

/* Makes SIZE bytes of CONTEXT's randomness. */
int secret_new_random(const Context *context, size_t size, Reason *reason, Secret **ret);

size_t secret_size(const Secret *secret);
/* Keeps the first SIZE bytes and zeroes the rest. SIZE must not exceed the current size. */
void secret_truncate(Secret *secret, size_t size);

/* Zeroes and removes the first SIZE bytes. SIZE must not exceed the current size. */
void secret_drop_front(Secret *secret, size_t size);

/* The bytes, borrowed until secret_free(). */
uint8_t *secret_borrow(Secret *secret);
BytesView secret_view(const Secret *secret);

/* Compares, in constant time for equal sizes. */
bool secret_equal(const Secret *a, const Secret *b);

/* Reads FD to its end into a secret of that size: OUTCOME_TOO_LARGE beyond LIMIT bytes, a negative
 * errno if a read fails. The bytes never touch other memory. */
int secret_read_fd(int fd, size_t limit, Reason *reason, Secret **ret);

/* Base64 (RFC 4648, with padding), in guarded memory on both sides: encodes without line breaks,
 * decodes skipping them. OUTCOME_MALFORMED. */
int secret_to_base64(BytesView bytes, Reason *reason, Secret **ret);
int secret_from_base64(BytesView text, Reason *reason, Secret **ret);

/* Prepares this process for secrets: no core dumps, and its own user cannot trace it. */
int secret_harden_process(Reason *reason);

/* Wipes a stack temporary. */
void secret_erase(void *bytes, size_t size);

/* A 32-byte stack temporary that is wiped at the end of its scope. */
typedef struct SecretTemporary {
    uint8_t bytes[32];
} SecretTemporary;

void secret_temporary_done(SecretTemporary *temporary);
