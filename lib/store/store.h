/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store: sealed credentials by machine and id, at STORE/MACHINE/ID.cred, and beside those that
 * are key pairs the public half, ID.pub.
 *
 * Nothing in it is secret, but what stands in it decides what a container gets: entries are reached
 * only through held directories, never through a link, and are regular files with one name.
 * Reading needs no lock, and sees each commit whole (store/commit.h): what is still in a commit's
 * own directory comes before what is in its place.
 *
 * Root and the broker, who puts there what it generates, write to it: so root must not be led
 * astray by what it finds in it, either.
 */

#include "base/bytes.h"
#include "base/names.h"
#include "base/outcome.h"

#include <stdbool.h>

typedef struct Store Store;

/* Opens the directory at PATH; a negative errno if it cannot be. */
int store_new(const char *path, Reason *reason, Store **ret);
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* The credential's file as it is, in base64 or raw. OUTCOME_NOT_FOUND; OUTCOME_STORE_UNSAFE for a
 * link, a second name, anything but a regular file, or one that others may write to;
 * OUTCOME_TOO_LARGE. */
int store_read(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret);

/* Both halves of NAME, of one commit; the public one is empty if there is none. Returns as
 * store_read(); OUTCOME_CHANGED if others change it all the time. */
int store_read_pair(const Store *store, const CredentialName *name, Reason *reason,
                    Bytes *ret_sealed, Bytes *ret_public);

/* The record NAME of the last commit that had one of this name. OUTCOME_NOT_FOUND. */
int store_read_record(const Store *store, const char *name, Reason *reason, Bytes *ret);

/* The public half of NAME, which belongs to nothing that is secret. Returns as store_read(). */
int store_read_public(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret);

/* --- commits of one change, and of one machine: store/commit.h has what they do and return --- */

int store_write(const Store *store, const CredentialName *name, BytesView file, Reason *reason);
int store_add(const Store *store, const CredentialName *name, BytesView file, Reason *reason);
int store_write_public(const Store *store, const CredentialName *name, BytesView text,
                       Reason *reason);
int store_remove_public(const Store *store, const CredentialName *name, Reason *reason);
int store_remove(const Store *store, const CredentialName *name, Reason *reason);

typedef struct StoreRotation {
    CredentialName name;
    BytesView file;   /* the new one */
    BytesView public; /* its public half; empty if there is none */
    const char *was;  /* digest_format() of the file to be replaced; NULL: whichever it is */
    bool fresh;       /* there need not be one */
} StoreRotation;

int store_rotate(const Store *store, const StoreRotation *rotation, Reason *reason);

typedef struct StoreReplacement {
    CredentialName name;
    BytesView before; /* what store_read() gave */
    BytesView after;
} StoreReplacement;

int store_replace(const Store *store, const StoreReplacement *replacements, size_t count,
                  Reason *reason);

/* --- listing --- */

typedef struct MachineName {
    char text[LIMIT_MACHINE_BYTES + 1];
} MachineName;

/* The machines that have a directory in the store, by name, at most LIMIT_MACHINES; the array is
 * freed with free(). -ENOMEM. */
int store_machines(const Store *store, Reason *reason, MachineName **ret, size_t *ret_count);

typedef struct StoreEntry {
    CredentialName name;
    int64_t written[2]; /* seconds and ns since 1970 */
} StoreEntry;

/* The credentials of MACHINE, the last written first, at most LIMIT_MACHINE_ENTRIES; the array is
 * freed with free(). There may be none, also of no such machine. Whether an entry is one that
 * store_read() takes shows there. OUTCOME_STORE_UNSAFE, -ENOMEM; OUTCOME_CHANGED if others change
 * the store all the time. */
int store_list(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count);
