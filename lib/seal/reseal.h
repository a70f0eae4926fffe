/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One credential, sealed anew in memory: opened, sealed, and what was sealed opened again. Where
 * either file is, is the caller's business.
 */

#include "base/names.h"
#include "seal/key_pool.h"
#include "seal/unsealer.h"

/* The caller sets .seal of the pool, and the unsealer; see there. */
typedef struct Reseal {
    Unsealer unsealer;
    KeyPool pool;
} Reseal;

void reseal_done(Reseal *reseal); /* for _cleanup_ */

typedef struct ResealItem {
    char *label;         /* "web/db-password", or the file's path: for words */
    CredentialName name; /* in the store; empty for a file, which may have any */
    Bytes file;          /* as it was read */
    Bytes raw;           /* the same, decoded, which .parts borrows */
    CredentialSections parts;
    SealTarget *target; /* borrowed; NULL: it is not known what it is to be sealed for */
    bool opens;
    int rc; /* why it cannot be sealed anew; 0: it can */
    Reason reason;
    CredentialMetadata metadata; /* to be sealed */
    const Secret *value;         /* the same, instead of what it holds; or NULL */
    Bytes sealed;                /* the new file */
    Reason
        closed; /* why the new file does not open on this host now, as is to be expected; or "" */
    bool done;  /* it is in place */
} ResealItem;

void reseal_item_done(ResealItem *item); /* for _cleanup_ */

/* Whether .file opens, and what is to become of it: sets what comes after it, and returns .rc. The
 * TPM seals nothing, and nothing is written. */
int reseal_examine(Reseal *reseal, ResealItem *item);

/* Seals what was examined: sets .sealed, and returns .rc. Fails if the new file does not open with
 * the new keys, or, as far as this host can tell, as it will have to be opened. */
int reseal_seal(Reseal *reseal, ResealItem *item);
