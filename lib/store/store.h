/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store: sealed credentials by machine and id, at STORE/MACHINE/ID.cred, and beside those that
 * are key pairs the public half, ID.pub.
 *
 * Nothing in it is secret, but what stands in it decides what a container gets: entries are reached
 * only through held directories, never through a link, and are regular files with one name.
 * Reading needs no lock: a write replaces the whole file at once, and all of a machine's files are
 * replaced at once, too (store/replace.h). Writers of one machine's files take turns.
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

/* Puts FILE in place, atomically and durably; makes the machine's directory. Files get mode 0640
 * and the group of the store, directories 0770. OUTCOME_STORE_UNSAFE if the machine's directory is
 * not one; OUTCOME_TIMEOUT if another writer does not come to its end. */
int store_write(const Store *store, const CredentialName *name, BytesView file, Reason *reason);

/* The same for a credential that is not there yet, else OUTCOME_EXISTS. Of several at once, in
 * whatever processes, one succeeds. */
int store_add(const Store *store, const CredentialName *name, BytesView file, Reason *reason);

/* The public half of NAME, which belongs to nothing that is secret; files get mode 0644.
 * store_read_public() returns as store_read(). */
int store_read_public(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret);
int store_write_public(const Store *store, const CredentialName *name, BytesView text,
                       Reason *reason);

/* The public half alone, which a credential that takes a key pair's place does not have. That there
 * is none is no error. */
int store_remove_public(const Store *store, const CredentialName *name, Reason *reason);

typedef struct StoreRotation {
    CredentialName name;
    BytesView file;   /* the new one */
    BytesView public; /* its public half; empty if there is none */
    const char *was;  /* digest_format() of the file to be replaced; NULL: whichever it is */
    bool fresh;       /* there need not be one */
} StoreRotation;

/* Replaces a credential and its public half. After a crash at any moment there is the old file or
 * the new one, and never the public half of the other: rather none, for whoever opens a key pair
 * derives it again (server/fingerprint.h). So it is no failure if it cannot be written in the end.
 * OUTCOME_NOT_FOUND; OUTCOME_CHANGED, and nothing happens, if it was another file; returns of
 * store_write(). */
int store_rotate(const Store *store, const StoreRotation *rotation, Reason *reason);

/* Takes a credential away, durably, and its public half. OUTCOME_NOT_FOUND, OUTCOME_STORE_UNSAFE.
 */
int store_remove(const Store *store, const CredentialName *name, Reason *reason);

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
 * store_read() takes shows there. OUTCOME_STORE_UNSAFE, -ENOMEM. */
int store_list(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count);
