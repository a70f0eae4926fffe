/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one way to change the store: all changes of a commit take effect, or none.
 *
 * A commit is prepared in a directory of the store, ".prepare.…": the new files, a mark for each
 * file that goes, and the record, which says what is to be done and for whom. One rename of that
 * directory to
 * ".commit" decides: before it nothing has changed, after it everything has. Readers look there
 * first, so that they see all of a commit at once, across files and machines. Then each file is
 * renamed into its place, and the directory goes. Whoever opens the store for writing next
 * completes what a crash left after the rename, and clears away what it left before.
 *
 * The record is not trusted, for the broker's user may write to the store: names in it are
 * validated, and nothing is done but to rename and remove files inside the store, on held
 * directories, never through a link. Nobody's owner or mode is changed by it.
 */

#include "store/store.h"

#define STORE_COMMIT_CHANGES_MAX ((size_t)4096)
#define STORE_COMMIT_BYTES_MAX   ((size_t)64 * 1024 * 1024)

typedef enum StorePrecondition {
    STORE_ANY,    /* whatever is there */
    STORE_ABSENT, /* nothing may be there: else OUTCOME_EXISTS */
    STORE_DIGEST, /* the file with .digest has to be there: else OUTCOME_CHANGED */
} StorePrecondition;

/* What becomes of older versions of the credential. There is no history yet: only
 * STORE_HISTORY_NONE. */
typedef enum StoreHistory {
    STORE_HISTORY_NONE,
    STORE_HISTORY_KEEP,
    STORE_HISTORY_PURGE,
} StoreHistory;

typedef struct StoreChange {
    CredentialName name;
    bool remove;      /* OUTCOME_NOT_FOUND if it is not there */
    BytesView sealed; /* the new file, in base64 or raw; borrowed; nothing with .remove */
    BytesView public; /* its public half; empty: it has none, and an old one goes */
    StorePrecondition precondition;
    const char *digest; /* STORE_DIGEST: digest_format() of the file that is there */
    StoreHistory history;
} StoreChange;

/* Who changes the store, for the audit entries: it is in the record, so that they are right after a
 * crash. */
typedef struct StoreOrigin {
    const char *verb; /* "set", "remove", "rotate", "reseal", "generated" …; [a-z]{1,16} */
    uid_t uid;
    pid_t pid;
} StoreOrigin;

/* One file that is written with the changes: NAME is [a-z0-9-]{1,64}. A fleet keeps its state so.
 */
typedef struct StoreRecord {
    const char *name;
    BytesView content;
} StoreRecord;

typedef struct StoreCommit {
    const StoreChange *changes;
    size_t count; /* at most STORE_COMMIT_CHANGES_MAX; no credential twice */
    StoreOrigin origin;
    const StoreRecord *record; /* or NULL */
    /* Called once for each change right after it is in its place: whoever is killed in between
     * leaves at most one out, and none is called for twice. NULL is allowed. */
    void (*applied)(void *userdata, const CredentialName *name, bool removed,
                    const StoreOrigin *origin);
    void *userdata;
} StoreCommit;

/* OUTCOME_EXISTS, OUTCOME_CHANGED, OUTCOME_NOT_FOUND, OUTCOME_STORE_UNSAFE, OUTCOME_TOO_LARGE;
 * OUTCOME_TIMEOUT if another writer does not finish; a negative errno. Nothing has changed then. */
int store_commit(const Store *store, const StoreCommit *commit, Reason *reason);

/* Completes a commit that a crash interrupted, and clears away one that was never decided.
 * store_commit() does this first; the broker does it before its first answer. APPLIED as above. */
int store_recover(const Store *store,
                  void (*applied)(void *userdata, const CredentialName *name, bool removed,
                                  const StoreOrigin *origin),
                  void *userdata, Reason *reason);
