/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of this folder share: the directory of one machine.
 *
 * Who writes to it holds its lock. A set of files that are to replace the old ones all at once
 * (replace.h) is made in a directory beside it, ".MACHINE.INODE.tmp", and the two are exchanged;
 * INODE is that of the directory to be replaced, in hexadecimal. So it can be told what a crash has
 * left under such a name: the new files, if it came before the exchange, or the old ones.
 */

#include "base/bytes.h"
#include "store/store.h"

#include <sys/types.h>

struct Store {
    int directory;
    gid_t group; /* of the directory, and so of everything in it */
};

/* --- machine.c --- */

/* Opens MACHINE's directory. OUTCOME_NOT_FOUND if there is none, OUTCOME_STORE_UNSAFE if it is not
 * one. */
int store_machine_open(const Store *store, const char *machine, Reason *reason, int *ret_fd);

/* The same with its lock, after clearing up what a crash of its last holder has left.
 * OUTCOME_TIMEOUT as well. */
int store_machine_lock(const Store *store, const char *machine, Reason *reason, int *ret_fd);

/* The name beside MACHINE's directory, which is the one INODE. */
#define STAGING_NAME_BYTES (1 + LIMIT_MACHINE_BYTES + 1 + 16 + sizeof(".tmp"))
void store_staging_name(const char *machine, ino_t inode, char ret_name[STAGING_NAME_BYTES]);

/* Clears up what is under that name; the lock's holder does. IN_PLACE is MACHINE's directory now.
 * What is not a credential goes there, unless it is there. */
void store_staging_clear(const Store *store, const char *machine, ino_t inode, int in_place);

/* --- store.c --- */

/* "db-password.cred" */
typedef struct FileName {
    char text[LIMIT_ID_BYTES + sizeof(".cred")];
} FileName;

FileName store_file_name(const CredentialName *name);

/* Whether FILE is called as a credential of MACHINE is. False for a temporary file, for one. */
bool store_file_parse(const char *machine, const char *file, CredentialName *ret);

/* An entry of MACHINE's directory FD as store_read() has it. */
int store_entry_read(int fd, const CredentialName *name, Reason *reason, Bytes *ret);

/* What store_list() gives, for MACHINE's directory FD. */
int store_entries_list(int fd, const char *machine, Reason *reason, StoreEntry **ret,
                       size_t *ret_count);
