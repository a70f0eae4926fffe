/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A credential of the store becomes another one: under another name, or with another value. What it
 * is sealed with and when it expires is kept, as reseal keeps it; it gets the key that its
 * machine's others share.
 */

#include "client/store_client.h"
#include "seal/reseal.h"

/* Refers to itself: it stays where it was begun. */
typedef struct ResealAs {
    StoreClient *store; /* borrowed */
    bool keep_old;      /* what is replaced becomes an earlier value */
    SealSpec spec;
    CredentialName to;
    char to_text[CREDENTIAL_NAME_TEXT_BYTES];
    Reseal reseal;
    ResealItem item;
} ResealAs;

/* Reads FROM and makes sure that it opens. TO may be the same. Of SEAL's spec the name and whose
 * key is shared do not count. */
int reseal_as_begin(const SealContext *seal, StoreClient *store, const CredentialName *from,
                    const CredentialName *to, Reason *reason, ResealAs *ret);
void reseal_as_done(ResealAs *reseal_as); /* for _cleanup_ */

/* What it holds. */
int reseal_as_open(ResealAs *reseal_as, Reason *reason, Secret **ret);

/* Seals VALUE (NULL: what it holds) under the name that it is to have, and puts it there, with the
 * public half PUBLIC; if it MOVES, the old one goes in the same commit, and the earlier values that
 * open come along, instead of those of what is replaced. Where it fails it may be called again. */
int reseal_as_finish(ResealAs *reseal_as, const Secret *value, BytesView public, bool moves,
                     Reason *reason);
