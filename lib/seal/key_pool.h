/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keys for credentials that are sealed anew: a fresh one for all of a machine's that are to be
 * sealed for the same, so that they take one unsealing; or with --fresh-key one for each.
 */

#include "seal/keys.h"

typedef struct KeyPoolEntry KeyPoolEntry;

typedef struct KeyPool {
    const Context *context;
    const Options *options;
    bool elsewhere; /* --host= is given; .host is who */
    Identity host;
    bool joins;   /* the key that the machine's others have in the store will do, if there is one */
    Plan **plans; /* each once */
    size_t plan_count;
    KeyPoolEntry *keys;
    size_t key_count;
} KeyPool;

/* Reads the identity of --host=. OUTCOME_BAD_IDENTITY. */
int key_pool_init(const Context *context, const Options *options, Reason *reason, KeyPool *ret);
void key_pool_done(KeyPool *pool); /* for _cleanup_ */

/* What the credential OLD is to be sealed with, settled; borrowed. Seals nothing yet. The same
 * pointer where the same comes of it. */
int key_pool_plan(KeyPool *pool, const CredentialSections *old, Reason *reason, const Plan **ret);

/* Keys for PLAN and MACHINE (NULL: for nothing else), borrowed. */
int key_pool_keys(KeyPool *pool, const Plan *plan, const char *machine, Reason *reason,
                  const Keys **ret);
