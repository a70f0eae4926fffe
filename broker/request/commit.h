/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Commits to the store. They run in the committer child, because store_commit() waits for locks and
 * disks and the event loop must not.
 *
 * The changes are described by the parameters of the method Commit (protocol/interface.h); the
 * child decodes and checks them. After each change of a credential the child waits until the worker
 * has written its audit entry. So if either is killed, at most one entry is missing, and none is
 * written twice.
 *
 * A caller that waits for a commit holds a job. Freeing the job does not stop a commit that has
 * begun.
 */

#include "base/json.h"
#include "base/names.h"
#include "process/children.h"

typedef struct CommitQueue CommitQueue;
typedef struct CommitJob CommitJob;

/* ENDED is called after every commit. Returns 0 or a negative errno. */
int commit_queue_new(Children *children, const ServerConfig *config, AuditSink *audit,
                     void (*ended)(void *userdata), void *userdata, CommitQueue **ret);
CommitQueue *commit_queue_free(CommitQueue *queue); /* NULL is allowed */
DEFINE_CLEANUP(CommitQueue *, commit_queue_free);

/* The number of commits that run or queue. */
size_t commit_queue_count(const CommitQueue *queue);

/* Must be called when the audit sink has room again. */
void commit_queue_go_on(CommitQueue *queue);

typedef struct CommitOrder {
    struct json_object
        *parameters; /* of Commit, checked against its fields; NULL to recover only */
    int data;        /* the memfd that they refer to (borrowed), or -1 */
    uid_t uid;       /* the user and process that change the store */
    pid_t pid;
    const CredentialName *shared; /* join a queued commit with the same name here; or NULL */
} CommitOrder;

/* RC is the result of commit_parameters_decode() or store_commit(). */
typedef void (*CommitDone)(void *userdata, int rc, const Reason *reason);

/* Whether a commit with this .shared is queued or runs. */
bool commit_is_queued(const CommitQueue *queue, const CredentialName *name);

/* Queues a commit. If RET is NULL, nobody waits for it, and DONE is not called. Returns 0 or a
 * negative errno. */
int commit_job_new(CommitQueue *queue, const CommitOrder *order, CommitDone done, void *userdata,
                   CommitJob **ret);

/* Stops waiting. A commit that nobody waits for any more is dropped if it has not begun. Must be
 * called after DONE, too. NULL is allowed. */
CommitJob *commit_job_free(CommitJob *job);
