/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one way to change the store: all changes of a commit take effect, or none.
 *
 * A commit is prepared in the directory ".prepare" of the store: the new files, a mark for each
 * file that goes, and who makes it (store_internal.h). One rename of that directory to ".commit"
 * decides: before it nothing has changed, after it everything has. Readers look there first, so
 * that they see all of a commit at once, across files and machines. Then each file is renamed into
 * its place, and the directory goes. A commit of one file is one rename. Whoever changes the store
 * next completes what a crash, or a disk that was full at that moment, left of it after the
 * decision, and clears away what it left before.
 *
 * Writers take turns: one lock, of the store's directory, for all of it.
 *
 * What is found there is not trusted, for the broker's user may write to the store: names are
 * validated, and nothing is done but to rename and remove files inside the store, on held
 * directories, never through a link. Nobody's owner or mode is changed by it. What we cannot have
 * left there is OUTCOME_STORE_UNSAFE until somebody has looked at it; reading goes on.
 */

#include "store/store.h"

#define STORE_COMMIT_CHANGES_MAX ((size_t)4096)
#define STORE_COMMIT_BYTES_MAX   ((size_t)64 * 1024 * 1024)

typedef enum StorePrecondition {
    STORE_ANY,    /* whatever is there */
    STORE_ABSENT, /* nothing may be there: else OUTCOME_EXISTS */
    STORE_DIGEST, /* the file with .digest has to be there: else OUTCOME_CHANGED; but without any,
                   * what is to be removed is OUTCOME_NOT_FOUND */
} StorePrecondition;

/* What becomes of older versions of the credential. There is no history yet: only
 * STORE_HISTORY_NONE. */
typedef enum StoreHistory {
    STORE_HISTORY_NONE,
    STORE_HISTORY_KEEP,
    STORE_HISTORY_PURGE,
} StoreHistory;

/* The new files are borrowed. Each gets mode 0640, a public half 0644, and the group of the store.
 */
typedef struct StoreChange {
    CredentialName name;
    bool remove;      /* both files go; OUTCOME_NOT_FOUND if the sealed one is not there */
    BytesView sealed; /* the new file, in base64 or raw; empty: it stays, and has to be there */
    BytesView public; /* its public half; empty: it has none, and an old one goes */
    bool keep_public; /* the value is the same: what it has for a public half stays */
    StorePrecondition precondition;
    const char *digest; /* STORE_DIGEST: digest_format() of the file that is there */
    StoreHistory history;
} StoreChange;

/* Who changes the store, for the audit entries: it is kept with the commit, so that they are right
 * after a crash. Where it cannot be made out any more it is {"unknown", (uid_t)-1, 0}. */
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

/* Called for each change of a sealed file right after that is in its place: whoever is killed in
 * between leaves at most one out, and none is called for twice. Those of one machine come in no
 * particular order. */
typedef void (*StoreApplied)(void *userdata, const CredentialName *name, bool removed,
                             const StoreOrigin *origin);

typedef struct StoreCommit {
    const StoreChange *changes;
    size_t count; /* at most STORE_COMMIT_CHANGES_MAX; no credential twice */
    StoreOrigin origin;
    const StoreRecord *record; /* or NULL */
    StoreApplied applied;      /* or NULL; also for what an earlier commit has left */
    void *userdata;
} StoreCommit;

/* OUTCOME_EXISTS, OUTCOME_CHANGED, OUTCOME_NOT_FOUND, OUTCOME_STORE_UNSAFE, OUTCOME_TOO_LARGE;
 * OUTCOME_USAGE for a credential that is there twice; OUTCOME_TIMEOUT if another writer does not
 * finish; a negative errno. Nothing has changed then. With 0 everything has, durably, even if some
 * files could not be put in place yet, which the next writer does. */
int store_commit(const Store *store, const StoreCommit *wanted, Reason *reason);

/* Completes a commit that a crash interrupted, and clears away one that was never decided.
 * store_commit() does this first; reading does not need it. It does not wait: where there is a
 * writer, he has done it. APPLIED may be NULL. */
int store_recover(const Store *store, StoreApplied applied, void *userdata, Reason *reason);
