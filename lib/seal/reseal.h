/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reseals one credential in memory: opens it, seals it, and opens the result. The caller reads and
 * writes the files.
 */

#include "base/names.h"
#include "seal/seal_keys.h"
#include "seal/unsealer.h"
#include "store/history.h"

/* --- keys: one fresh key for all of a machine's credentials with the same target, so that they
 * need one unsealing; or with .fresh_key, one per credential --- */

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

/* --- resealing --- */

/* The caller sets .seal of the pool, and the unsealer. */
typedef struct Reseal {
    Unsealer unsealer;
    KeyPool pool;
} Reseal;

void reseal_done(Reseal *reseal); /* for _cleanup_ */

typedef struct ResealItem {
    char *label;         /* "web@db-password", or the path of the file: for messages */
    CredentialName name; /* in the store; empty for a file, which may have any name */
    const Store *store; /* .file is in it, and may have a predecessor, which opens instead of it; or
                           NULL */
    Bytes file;         /* as read */
    Bytes setting;      /* the caller's: what it has taken .file from; or empty */
    Bytes raw;          /* what opens, decoded: .file or its predecessor; .sections borrows it */
    CredentialSections sections;
    SealTarget *target; /* borrowed; NULL if unknown */
    bool opens;
    int rc; /* why it cannot be resealed; 0 if it can */
    Reason reason;
    CredentialMetadata metadata; /* to be sealed */
    const Secret *value;         /* a new value instead of the old one; or NULL */
    Bytes sealed;                /* the new file */
    Bytes history;               /* its history in the store, of the caller */
    Reason closed;  /* why the new file does not open on this host now, as expected; or "" */
    bool keeps_old; /* .history has the old file as the predecessor of the new one */
    bool done;      /* it is in place */
} ResealItem;

void reseal_item_done(ResealItem *item); /* for _cleanup_ */

/* Finds out whether .file opens, and its target. Sets the members after .file, and returns .rc.
 * Seals and writes nothing. */
int reseal_examine(Reseal *reseal, ResealItem *item);

/* Seals an examined item: sets .sealed, and returns .rc. Fails if the new file does not open with
 * the new keys, or if it will not open later, as far as this host can tell. */
int reseal_seal(Reseal *reseal, ResealItem *item);

/* Seals the earlier values of ITEM's credential again, as ITEM was sealed, and removes its
 * predecessor. Returns how many do not open: they stay as they are, or with DROP leave HISTORY. */
size_t reseal_history(Reseal *reseal, const ResealItem *item, bool drop, StoreHistory *history);
