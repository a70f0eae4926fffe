/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker's children, which use the TPM, or change or walk the store, because the worker's event
 * loop must not wait.
 *
 * At most one TPM operation, one committer, one searcher, one status and LIMIT_READERS readers run
 * at a time; further ones queue, first come, first served. Deliveries wait for searchers, so
 * clients that do not read their lists must not occupy them. A child is forked when its turn comes
 * (base/child.h), closes all of the worker's descriptors, and sends messages through a socket. The
 * worker reads them when it has room, and the child blocks until then. Only the worker writes to
 * clients and to the journal.
 *
 * The worker kills a child that sends nothing for too long although the worker would read it.
 *
 * Whoever waits for a child holds a job. Several jobs share a child if they need the same result.
 * When the last job of a child that is still queued is freed, the child is given up.
 */

#include "base/bytes.h"
#include "base/names.h"
#include "process/config.h"

#include <systemd/sd-event.h>

typedef struct Children Children;
typedef struct Child Child;
typedef struct Job Job;

typedef enum ChildKind {
    CHILD_TPM,       /* request/tpm_job.h */
    CHILD_COMMITTER, /* request/store_job.h */
    CHILD_SEARCHER,  /* likewise */
    CHILD_READER,    /* control/control_call.c, courier/offer.c */
    CHILD_STATUS,    /* control/control_call.c: sends one message, so that no client holds it up */
    _CHILD_KIND_MAX,
} ChildKind;

#define CHILD_MESSAGE_BYTES ((size_t)128 * 1024)

typedef struct ChildTask {
    ChildKind kind;
    int passed; /* a descriptor for the child (borrowed), or -1 */
    /* Runs in the child, which exits when it returns. TO_WORKER, CHILD_FIRST_FD, is for
     * child_tell() and child_wait(), PASSED the child's copy of .passed. */
    void (*run)(void *userdata, int to_worker, int passed);
    /* Runs in the worker when the child has sent MESSAGE. May free the child. NULL for CHILD_TPM */
    void (*message)(void *userdata, BytesView message);
    /* CHILD_TPM: runs in the worker when there is something to read FROM_CHILD, or the child has
     * exited. Must finish the child. */
    void (*answer)(void *userdata, int from_child);
    /* Runs in the worker when the child has exited, was killed because it was silent for too long
     * (-ETIME), or could not be started. R is a negative errno, -ECHILD if it has just exited. Must
     * finish or free the child, here or later. */
    void (*ended)(void *userdata, int r);
    void (*done)(void *userdata); /* frees .userdata when the child is freed; or NULL */
    void *userdata;               /* the child has a copy as of the fork */
} ChildTask;

/* Returns 0 or a negative errno. */
int children_new(sd_event *event, const ServerConfig *config, Children **ret);
Children *children_free(Children *children); /* there must be no jobs; NULL is allowed */
DEFINE_CLEANUP(Children *, children_free);

/* The number of children of KIND that run or queue. */
size_t children_count(const Children *children, ChildKind kind);

/* The first child of KIND, queued or not, whose .userdata MATCHES KEY; or NULL. */
Child *children_find(const Children *children, ChildKind kind,
                     bool (*matches)(const void *userdata, const void *key), const void *key);

/* Queues a child with TASK. Returns 0 or -ENOMEM; .userdata is then not taken. */
int child_new(Children *children, const ChildTask *task, Child **ret);

/* Kills CHILD if it runs, and lets the next one start. NULL is allowed. */
Child *child_free(Child *child);

/* Stops reading messages from CHILD if HOLD, else resumes. */
void child_hold(Child *child, bool hold);

/* Makes child_wait() return in CHILD. */
void child_continue(Child *child);

/* --- those who wait --- */

/* How the work of a child ended. All pointers are borrowed. */
struct RollbackFound;

typedef struct JobResult {
    ChildKind kind;
    int rc;
    const Reason *reason;
    const TpmSealedView *sealed;          /* CHILD_TPM: the sealed key, */
    const Secret *key;                    /* and the key, if .rc is 0 */
    const CredentialName *found;          /* CHILD_SEARCHER: see store_job.h */
    const struct RollbackFound *rollback; /* CHILD_COMMITTER that only recovers: likewise */
} JobResult;

/* The job must still be freed, here or later. Never called from within job_new(). */
typedef void (*JobDone)(void *userdata, const JobResult *result);

/* Waits for CHILD. Returns 0 or -ENOMEM. */
int job_new(Child *child, JobDone done, void *userdata, Job **ret);

/* Stops waiting. A child that nobody waits for any more is given up if it has not begun, or is a
 * searcher. NULL is allowed. */
Job *job_free(Job *job);

/* Lets the child of JOB start only when no other of its kind is queued, as long as nobody else
 * waits for it. */
void job_yield(Job *job);

/* What JOB, which has not ended, waits for. */
ChildKind job_kind(const Job *job);

/* Keeps CHILD even if nobody waits for it. */
void child_keep(Child *child);

/* Gives RESULT, without its .kind, to all who wait for CHILD, and frees it. It leaves the queue
 * before, so that no job can join it, and the callbacks may free any job. */
void child_finish(Child *child, const JobResult *result);

/* --- in the child --- */

/* Sends MESSAGE, at most CHILD_MESSAGE_BYTES; blocks until there is room. Returns 0 or a negative
 * errno. */
int child_tell(int to_worker, BytesView message);

/* Waits for the worker's child_continue(). Returns -EPIPE if the worker is gone. */
int child_wait(int to_worker);
