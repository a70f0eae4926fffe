/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Commits to the store, in the committer child: store_commit() waits for locks and disks, and the
 * event loop does not.
 *
 * What is to be changed is described as the parameters of the method Commit
 * (protocol/interface.h); the child decodes and checks them. Right after a credential is in its
 * place the child says so and waits, until the worker has written the audit entry: after a kill at
 * any moment at most one entry is missing, and none is there twice.
 *
 * Whoever waits for a commit holds a job. The commit goes on without them once it has begun.
 */

#include "base/json.h"
#include "base/names.h"
#include "process/children.h"

typedef struct CommitQueue CommitQueue;
typedef struct CommitJob CommitJob;

/* ENDED is called whenever a commit has ended. A negative errno. */
int commit_queue_new(Children *children, const ServerConfig *config, AuditSink *audit,
                     void (*ended)(void *userdata), void *userdata, CommitQueue **ret);
CommitQueue *commit_queue_free(CommitQueue *queue); /* NULL is allowed */
DEFINE_CLEANUP(CommitQueue *, commit_queue_free);

/* How many commits run or wait. */
size_t commit_queue_count(const CommitQueue *queue);

/* To be called when the audit sink has room again. */
void commit_queue_go_on(CommitQueue *queue);

typedef struct CommitOrder {
    struct json_object *parameters; /* of Commit, checked against its fields; NULL: only recover */
    int data;                       /* a memfd that they refer to, or -1; borrowed */
    uid_t uid;                      /* who changes the store */
    pid_t pid;
    const CredentialName *shared; /* or NULL: a commit of this name that is queued serves as well */
} CommitOrder;

/* RC is a return of store_commit() or of checking what was ordered. */
typedef void (*CommitDone)(void *userdata, int rc, const Reason *reason);

/* Queues a commit. With RET NULL nobody waits for it, and DONE is not called. A negative errno. */
int commit_job_new(CommitQueue *queue, const CommitOrder *order, CommitDone done, void *userdata,
                   CommitJob **ret);

/* Waits no longer; a commit for which nobody waits and that has not begun is dropped. NULL is
 * allowed. To be called after DONE, too. */
CommitJob *commit_job_free(CommitJob *job);
