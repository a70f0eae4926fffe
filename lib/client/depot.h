/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store, as the verbs that change it see it.
 *
 * What is written and removed goes over the control socket where the broker can be reached, so that
 * it is the broker's own work, and directly into the store where it cannot: nothing here needs a
 * daemon. Sealed files are read from the store itself. With --store=PATH all of it is done there.
 */

#include "credential/format.h"
#include "seal/opener.h"
#include "protocol/client.h"
#include "store/store.h"

typedef struct Depot {
    char *path;
    Store *store;
    Client *client; /* NULL: the broker cannot be reached, or is not asked */
} Depot;

/* The store of --store=, else the broker's, else the default. OUTCOME_BROKER_UNREACHABLE is not
 * among its returns. */
int depot_open(const Options *options, Reason *reason, Depot *ret);
void depot_done(Depot *depot); /* for _cleanup_ */

/* Whether there is a file of NAME, be it as it may. */
int depot_has(const Depot *depot, const CredentialName *name, Reason *reason, bool *ret);

/* Puts SEALED, in base64, in place, and the public half PUBLIC beside it; where that is empty there
 * is none afterwards. OUTCOME_UNPROTECTED and others that the method Store has, see
 * store_write(). */
int depot_write(Depot *depot, const CredentialName *name, BytesView sealed, BytesView public,
                Reason *reason);

/* As store_remove(). */
int depot_remove(Depot *depot, const CredentialName *name, Reason *reason);

/* A sealed file of the store. */
typedef struct DepotEntry {
    CredentialName name;
    Bytes file, raw; /* as it is, and without base64, which .parts borrows */
    CredentialParts parts;
} DepotEntry;

void depot_entry_done(DepotEntry *entry); /* for _cleanup_ */

/* Returns as store_read(), credential_decode() and credential_parse(). */
int depot_read(const Depot *depot, const CredentialName *name, Reason *reason, DepotEntry *ret);

/* Its public half; empty if it has none. */
int depot_read_public(const Depot *depot, const CredentialName *name, Reason *reason, Bytes *ret);

/* Opens it if it is sealed under its own name, as it has to be for the broker. */
int depot_entry_open(Opener *opener, const DepotEntry *entry, Reason *reason,
                     CredentialMetadata *ret_metadata, Secret **ret);
