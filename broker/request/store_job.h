/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Commits to the store, and searches in it. They run in children (process/children.h), because they
 * wait for locks and disks and the event loop must not.
 *
 * The changes of a commit are described by the parameters of the method Commit
 * (protocol/varlink.h); the child decodes and checks them. After each change of a credential the
 * child waits until the worker has written its audit entry. So if either is killed, at most one
 * entry is missing, and none is written twice. Nothing stops a commit that has begun.
 *
 * A search finds a key that a generated secret can share. All secrets that are generated for a
 * machine meanwhile wait for the same search: they get the same answer, and if that is none, they
 * get the same fresh key.
 */

#include "base/json.h"
#include "fleet/fleet_commit.h"
#include "process/children.h"

/* All is borrowed. */
typedef struct StoreQueue {
    const ServerConfig *config;
    Children *children;
    AuditSink *audit;
    void (*ended)(void *userdata); /* called after every commit */
    void *userdata;
    Child *held; /* private: the committer, if it waits for room for audit entries */
} StoreQueue;

/* Must be called when the audit sink has room again. */
void store_queue_go_on(StoreQueue *queue);

typedef struct CommitOrder {
    struct json_object *parameters; /* of Commit, checked against its fields; NULL to recover only,
                                       and to check the rollback state */
    int data;                       /* the memfd that they refer to (borrowed), or -1 */
    FleetCommit *fleet; /* instead of them: accept a fleet's set; taken if there is no error */
    uid_t uid;          /* the user and process that change the store */
    pid_t pid;
    const CredentialName *shared; /* join a queued commit with the same name here; or NULL */
} CommitOrder;

/* The rollback state that the recovery has found (store/rollback.h). */
typedef struct RollbackFound {
    int rc; /* of rollback_check() */
    Reason reason;
    uint32_t counter; /* of the state, if .rc is 0, like the others */
    uint64_t value;
    uint64_t counted;
    bool changed;
} RollbackFound;

/* Whether a commit with this .shared is queued or runs. */
bool commit_is_queued(const StoreQueue *queue, const CredentialName *name);

/* Queues a commit. If RET is NULL, nobody waits for it, and DONE is not called. The result's .rc is
 * that of commit_parameters_decode() or store_commit(). Returns 0 or a negative errno. */
int commit_job_new(StoreQueue *queue, const CommitOrder *order, JobDone done, void *userdata,
                   Job **ret);

/* Searches MACHINE's credentials, or joins a search that has not ended. The result's .found is the
 * credential whose key to share; .rc is 0, or what shared_key_find() returns; OUTCOME_NOT_FOUND
 * also if the child died, because a fresh key is as good. Returns 0 or -ENOMEM. */
int search_job_new(StoreQueue *queue, const char *machine, JobDone done, void *userdata, Job **ret);
