/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files of this directory: the names of files in the store, and the layout of a
 * commit that is under way.
 *
 *   .prepare/              a commit before its decision, or the file of a commit of one file
 *   .commit/               a decided commit, which is being put in place:
 *     .origin                its origin, "VERB UID PID" and a newline
 *     .record.NAME           the commit's record
 *     MACHINE/ID.cred        files that go to MACHINE/
 *     MACHINE/ID.pub
 *     MACHINE/ID.old
 *     MACHINE/ID.cred.gone   marks: the file of that name in MACHINE/ is removed
 *     MACHINE/ID.pub.gone
 *     MACHINE/ID.old.gone
 *   .done/                 the directory of the last commit, empty
 *   .record.NAME           the record that the last commit with this NAME wrote
 *
 * The names alone describe the changes, so nothing can contradict them. ".done" tells a reader
 * whether there was a commit meanwhile: while the reader holds it open, no other directory gets its
 * inode number.
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
#define STORE_OLD     ".old" /* the history */
#define STORE_GONE    ".gone"

struct Store {
    int directory;
    gid_t group; /* of the directory and everything in it */
};

/* --- store.c --- */

/* "db-password.cred" */
typedef struct FileName {
    char text[LIMIT_ID_BYTES + sizeof(STORE_SEALED STORE_GONE)];
} FileName;

/* SUFFIX is STORE_SEALED, STORE_PUBLIC or STORE_OLD; with STORE_GONE it is a mark that the file is
 * removed. */
FileName store_file_name(const CredentialName *name, const char *suffix);

/* Parses FILE in MACHINE's directory. RET_GONE says whether it is a mark. Returns false for any
 * other file, such as a temporary one. */
bool store_file_parse(const char *machine, const char *file, const char *suffix,
                      CredentialName *ret, bool *ret_gone);

/* Reads NAME's file in the directory MACHINE, of the store or of a commit. */
int store_file_read(int machine, const CredentialName *name, const char *suffix, Reason *reason,
                    Bytes *ret);

/* Opens the directory MACHINE in PARENT. ACCESS is O_RDONLY, or O_PATH to do no more than open and
 * list what is in it. Returns 0, OUTCOME_NOT_FOUND, OUTCOME_STORE_UNSAFE if it
 * is not a directory, or a negative errno. */
int store_machine_open(int parent, const char *machine, int access, Reason *reason, int *ret_fd);

/* --- history.c --- */

/* The history that CHANGE, by ORIGIN, leaves in the directory MACHINE, with at most LIMIT earlier
 * values; empty for none. The value that is replaced is lost if its file cannot be used. */
int store_history_after(int machine, const StoreChange *change, const StoreOrigin *origin,
                        unsigned limit, Reason *reason, Bytes *ret);

/* --- recover.c; the caller holds the store's lock --- */

/* Creates the directory NAME in PARENT, with the store's group. */
int store_directory_make(const Store *store, int parent, const char *name, Reason *reason,
                         int *ret_fd);

/* Opens the directory MACHINE of the store, and creates it if necessary (RET_MADE). There must be
 * no ".prepare". */
int store_machine_make(const Store *store, const char *machine, Reason *reason, int *ret_fd,
                       bool *ret_made);

/* Removes the directory NAME, ".prepare" or ".done", and its content. */
int store_clear(const Store *store, const char *name, Reason *reason);

/* Puts the files of ".commit" in place and removes it. Does nothing if there is none. */
int store_complete(const Store *store, StoreApplied applied, void *userdata, Reason *reason);

/* The content of ".origin". .verb of the result borrows from RET_VERB. */
#define STORE_ORIGIN_BYTES ((size_t)64)
void store_origin_format(const StoreOrigin *origin, char text[STORE_ORIGIN_BYTES]);
int store_origin_parse(BytesView text, char ret_verb[STORE_VERB_BYTES], StoreOrigin *ret);
bool store_verb_valid(const char *verb);
bool store_record_name_valid(const char *name);
