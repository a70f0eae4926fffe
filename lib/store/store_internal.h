/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of this folder share: the names of files in the store, and what a commit leaves
 * there while it is under way.
 *
 *   .prepare/              a commit before its decision, or the one file of a commit of one file
 *   .commit/               a commit that has been decided and is being put in place:
 *     .origin                who made it: a JSON object
 *     .record.NAME           the commit's record
 *     MACHINE/ID.cred        files that go to MACHINE/
 *     MACHINE/ID.pub
 *     MACHINE/ID.cred.gone   marks: the file of that name in MACHINE/ goes
 *     MACHINE/ID.pub.gone
 *   .done/                 the directory of the last commit, empty
 *   .record.NAME           the record of the last commit that had one of this name
 *
 * What is to be done is in the names and nowhere else: nothing can contradict it. ".done" remains
 * so that a reader who opened it knows whether there was a commit meanwhile: as long as it is held
 * open no other directory gets its inode number.
 */

#include "base/bytes.h"
#include "store/commit.h"
#include "store/store.h"

#include <sys/types.h>

#define STORE_PREPARE ".prepare"
#define STORE_COMMIT  ".commit"
#define STORE_DONE    ".done"
#define STORE_ORIGIN  ".origin"
#define STORE_RECORD  ".record."

#define STORE_SEALED  ".cred"
#define STORE_PUBLIC  ".pub"
#define STORE_GONE    ".gone"

struct Store {
    int directory;
    gid_t group; /* of the directory, and so of everything in it */
};

/* --- store.c --- */

/* "db-password.cred" */
typedef struct FileName {
    char text[LIMIT_ID_BYTES + sizeof(STORE_SEALED STORE_GONE)];
} FileName;

/* SUFFIX is STORE_SEALED or STORE_PUBLIC. The mark is that of a file that goes. */
FileName store_file_name(const CredentialName *name, const char *suffix);
FileName store_mark_name(const CredentialName *name, const char *suffix);

/* Whether FILE is such a name of MACHINE's, RET_GONE of a mark. False for a temporary file, for
 * one.
 */
bool store_file_parse(const char *machine, const char *file, const char *suffix,
                      CredentialName *ret, bool *ret_gone);

/* Reads the file of NAME in MACHINE, its directory or a commit's. */
int store_file_read(int machine, const CredentialName *name, const char *suffix, Reason *reason,
                    Bytes *ret);

/* Opens the directory MACHINE in PARENT. OUTCOME_NOT_FOUND if there is none, OUTCOME_STORE_UNSAFE
 * if it is not one. */
int store_machine_open(int parent, const char *machine, Reason *reason, int *ret_fd);

/* --- recover.c, all with the store's lock --- */

/* Makes the directory NAME in PARENT, with the store's group. */
int store_directory_make(const Store *store, int parent, const char *name, Reason *reason,
                         int *ret_fd);

/* Opens the directory MACHINE of the store. If there is none it is made, which RET_MADE then says;
 * there must not be a ".prepare". */
int store_machine_make(const Store *store, const char *machine, Reason *reason, int *ret_fd,
                       bool *ret_made);

/* Removes NAME, ".prepare" or ".done", with what is in it. */
int store_clear(const Store *store, const char *name, Reason *reason);

/* Puts the files of ".commit" in place and removes it; 0 if there is none. */
int store_complete(const Store *store, StoreApplied applied, void *userdata, Reason *reason);

/* --- origin.c --- */

/* What ".origin" holds. VERB of the result is borrowed from RET_VERB. */
#define STORE_VERB_BYTES   ((size_t)17)
#define STORE_ORIGIN_BYTES ((size_t)256)
int store_origin_format(const StoreOrigin *origin, Bytes *ret);
int store_origin_parse(BytesView text, char ret_verb[STORE_VERB_BYTES], StoreOrigin *ret);
bool store_verb_valid(const char *verb);
bool store_record_name_valid(const char *name);
