/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one way to change the store: all changes of a commit take effect, or none.
 *
 * A commit is prepared in the store's directory ".prepare", which contains the new files, a mark
 * for each file to remove, and the commit's origin (store_internal.h). One rename of that directory
 * to ".commit" decides: before it nothing has changed, afterwards everything has. Readers look in
 * ".commit" first, so they see a whole commit at once, across files and machines. Then each file is
 * renamed into its place, and the directory is removed. A commit of one file is a single rename. If
 * a crash or a full disk interrupts a commit, the next writer completes it if it was decided, and
 * removes it otherwise.
 *
 * Writers take turns: a lock on the store's directory covers the whole commit.
 *
 * The content of these directories is not trusted, because the broker's user may write to the
 * store. Names are validated. Files are only renamed and removed, inside the store, relative to
 * open directories, and never through a link. Owners and modes do not change. If a directory
 * contains something that a commit cannot have left, changes fail with OUTCOME_STORE_UNSAFE until
 * the administrator has removed it; reading still works.
 */

#include "store/rollback.h"
#include "store/store.h"

#include <limits.h>
#include <sys/types.h>

/* ".commit/MACHINE/FILE" */
#define STORE_PATH_BYTES (sizeof(".commit/") + LIMIT_MACHINE_BYTES + 1 + NAME_MAX)

typedef enum StorePrecondition {
    STORE_ANY,    /* no condition */
    STORE_ABSENT, /* no file may exist, else OUTCOME_EXISTS */
    STORE_DIGEST, /* the file must have .digest, else OUTCOME_CHANGED; to remove a file that does
                   * not exist is OUTCOME_NOT_FOUND */
} StorePrecondition;

/* The new files are borrowed. Each gets mode 0640, a public half 0644, and the group of the store.
 * A credential that is removed has no history any more. */
typedef struct StoreChange {
    CredentialName name;
    bool remove; /* remove both files; OUTCOME_NOT_FOUND if there is no sealed one */
    BytesView
        sealed; /* the new file, in base64 or raw; empty to keep the old one, which must exist */
    BytesView public; /* the public half; empty to remove an old one */
    bool keep_public; /* keep the old public half, because the value stays the same */
    /* The history (store/history.h) of a new sealed file. With none of these it ends here. */
    bool keep_old;     /* the old value becomes the most recent of the earlier ones */
    BytesView history; /* or this file replaces the history */
    bool settle;       /* or the history stays, but for the predecessor */
    StorePrecondition precondition;
    const char *digest; /* STORE_DIGEST: digest_format() of the existing file */
} StoreChange;

#define STORE_VERB_BYTES ((size_t)17)

/* Who changes the store, for the audit entries. It is stored with the commit, so that the entries
 * are right even after a crash. If it cannot be read, it is {"unknown", (uid_t)-1, 0}. */
typedef struct StoreOrigin {
    const char *verb; /* "set", "remove", "rotate", "reseal", "generated" …; [a-z]{1,16} */
    uid_t uid;
    pid_t pid;
} StoreOrigin;

/* A file that is written together with the changes. NAME is [a-z0-9-]{1,64}. */
typedef struct StoreRecord {
    const char *name;
    BytesView content;
} StoreRecord;

/* Called right after each change of a sealed file. If the process is killed in between, at most one
 * call is missing, and none is repeated. The order within a machine is undefined. */
typedef void (*StoreApplied)(void *userdata, const CredentialName *name, bool removed,
                             const StoreOrigin *origin);

typedef struct StoreCommit {
    const StoreChange *changes;
    size_t count; /* at most LIMIT_COMMIT_CHANGES; each credential once */
    StoreOrigin origin;
    unsigned history; /* how many earlier values .keep_old keeps, up to LIMIT_HISTORY */
    const StoreRecord *records;
    size_t record_count;
    const RollbackScope *rollback; /* for the host's rollback protection; NULL: not the host's */
    StoreApplied applied; /* or NULL; also called for an earlier commit that is completed */
    void *userdata;
} StoreCommit;

/* Returns 0 if all changes have taken effect, durably. Some files may not be in place yet; the next
 * writer completes that. Otherwise nothing has changed: OUTCOME_EXISTS, OUTCOME_CHANGED,
 * OUTCOME_NOT_FOUND, OUTCOME_STORE_UNSAFE, OUTCOME_TOO_LARGE, OUTCOME_USAGE for a credential that
 * is given twice, OUTCOME_TIMEOUT if another writer does not finish, or a negative errno. */
int store_commit(const Store *store, const StoreCommit *wanted, Reason *reason);

/* Completes a commit that was interrupted, or removes one that was not decided. store_commit() does
 * this first; readers do not need it. Does not wait for the lock, because another writer has
 * already done it. APPLIED may be NULL. */
int store_recover(const Store *store, StoreApplied applied, void *userdata, Reason *reason);

/* Whether the directory of a decided commit, or what should be one, has something in it that no
 * commit can have left: then no commit can begin. RET_PATH is its path in the store. Reads without
 * the lock, and takes what another writer moves meanwhile for right. */
bool store_is_blocked(const Store *store, char ret_path[STORE_PATH_BYTES]);

/* Takes the lock of the writers, so that nothing changes. Closing RET_FD releases it.
 * OUTCOME_TIMEOUT. */
int store_lock(const Store *store, Reason *reason, int *ret_fd);
