/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keys for credentials that are sealed anew: a fresh one for all of a machine's that are to be
 * sealed for the same, so that they take one unsealing; or with .fresh_key one for each.
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

/* What the credential OLD is to be sealed for, resolved; borrowed. Seals nothing yet. The same
 * pointer where the same comes of it. SUBJECT is for the observer. OUTCOME_USAGE for the null key,
 * unless the spec allows it. */
int key_pool_target(KeyPool *pool, const CredentialSections *old, const char *subject,
                    Reason *reason, SealTarget **ret);

/* Keys for TARGET and MACHINE (NULL: for nothing else), borrowed. */
int key_pool_keys(KeyPool *pool, SealTarget *target, const char *machine, const char *subject,
                  Reason *reason, const SealKeys **ret);
