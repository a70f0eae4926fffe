/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keys for resealing: one fresh key for all of a machine's credentials with the same target, so
 * that they need one unsealing; or with .fresh_key, one per credential.
 */

#include "seal/seal_keys.h"

typedef struct KeyPoolEntry KeyPoolEntry;

/* The caller sets .seal; the rest is zero. */
typedef struct KeyPool {
    SealContext seal;
    SealTarget **targets; /* each once */
    size_t target_count;
    KeyPoolEntry *keys;
    size_t key_count;
} KeyPool;

void key_pool_done(KeyPool *pool); /* for _cleanup_ */

/* Returns the resolved target for the credential OLD, borrowed, without sealing anything. Equal
 * targets are the same pointer. SUBJECT is for the observer. OUTCOME_USAGE for the null key, unless
 * the spec allows it. */
int key_pool_target(KeyPool *pool, const CredentialSections *old, const char *subject,
                    Reason *reason, SealTarget **ret);

/* Returns keys for TARGET and MACHINE (NULL: for a single credential), borrowed. */
int key_pool_keys(KeyPool *pool, SealTarget *target, const char *machine, const char *subject,
                  Reason *reason, const SealKeys **ret);
