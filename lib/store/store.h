/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The store: sealed files by machine and id, STORE/MACHINE/ID.cred, the public halves of key pairs,
 * ID.pub, and earlier values, ID.old (store/history.h).
 *
 * Nothing in it is secret, but its content decides what a container gets. Files are opened relative
 * to open directories, never through a link, and must be regular files with one name. Reading needs
 * no lock and sees each commit whole (store/commit.h): a file in a commit's own directory takes
 * precedence over the one in place.
 *
 * Both root and the broker write to it, so root does not trust its content either.
 */

#include "base/bytes.h"
#include "base/names.h"
#include "base/outcome.h"

#include <limits.h>
#include <stdbool.h>

typedef struct Store Store;

/* Opens the directory PATH. Returns 0 or a negative errno. */
int store_new(const char *path, Reason *reason, Store **ret);

/* Writes the path of NAME beside STORE, the absolute path of a store. */
void store_path_beside(const char *store, const char *name, char path[PATH_MAX]);

/* --- the host's store, in a program that may run as root. Root changes modes and creates files
 * below the store's directory, so it must be the installed one: not reached through a symbolic
 * link, owned by root or the broker's user, in the broker's group, and not writable by others. The
 * right path alone is not enough. The broker itself uses store_new(), because it has only the
 * rights of its own user --- */

#define BROKER_USER "nspawn-creds" /* and its group */

/* Opens the directory PATH, which no symbolic link may lead to. Returns what
 * store_open_installed() returns; owner and mode can be anything. */
int store_directory_open(const char *path, Reason *reason, int *ret_fd);

/* Opens the store at the absolute PATH. Unless the caller is root, any directory will do. Returns
 * 0, OUTCOME_STORE_UNSAFE, or a negative errno. */
int store_open_installed(const char *path, Reason *reason, Store **ret);

Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* Reads the sealed file as it is, in base64 or raw. Returns 0, OUTCOME_NOT_FOUND,
 * OUTCOME_TOO_LARGE, OUTCOME_STORE_UNSAFE unless it is a regular file with one name that not
 * everybody may write to, or a negative errno. */
int store_read(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret);

/* As store_read(), but in root's programs, too, a file that the broker may not read is -EACCES. An
 * access control list is not looked at. */
int store_read_as_broker(const Store *store, const CredentialName *name, Reason *reason,
                         Bytes *ret);

/* Reads both halves of NAME, from the same commit; the public half is empty if there is none.
 * Returns what store_read() returns, or OUTCOME_CHANGED if it changes again and again meanwhile. */
int store_read_pair(const Store *store, const CredentialName *name, Reason *reason,
                    Bytes *ret_sealed, Bytes *ret_public);

/* Reads the record that the last commit with this NAME wrote. Returns 0, OUTCOME_NOT_FOUND, or a
 * negative errno. */
int store_read_record(const Store *store, const char *name, Reason *reason, Bytes *ret);

/* Reads the public half of NAME, which is empty if there is none. Returns what store_read() returns
 * otherwise. */
int store_read_public(const Store *store, const CredentialName *name, Reason *reason, Bytes *ret);

/* --- listing --- */

/* Lists the machines that have a directory in the store, sorted by name, at most LIMIT_MACHINES.
 * Anything else there is skipped. RET ends with NULL. Returns 0 or a negative errno. */
int store_machines(const Store *store, Reason *reason, char ***ret);

typedef struct StoreEntry {
    CredentialName name;
    int64_t written[2]; /* seconds and ns since 1970 */
    bool misdated;      /* somebody set .written to a time that the kernel had not reached yet */
    bool coming, gone;  /* used by store_list() alone: of a commit; a mark in it */
} StoreEntry;

/* Lists the credentials of MACHINE, most recent first, at most LIMIT_MACHINE_ENTRIES. The caller
 * frees the array. An unknown machine has none. Does not check whether store_read() would accept
 * each. Returns 0, OUTCOME_STORE_UNSAFE, OUTCOME_CHANGED if the store changes again and again
 * meanwhile, or a negative errno. */
int store_list(const Store *store, const char *machine, Reason *reason, StoreEntry **ret,
               size_t *ret_count);
