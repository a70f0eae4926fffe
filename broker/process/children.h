/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker's children, which do what would make its event loop wait: they change the store and
 * walk it.
 *
 * One committer runs at a time and at most LIMIT_READERS readers; further ones wait for their
 * turn in order. A child is forked when its turn comes (base/child.h), has nothing of the worker's
 * open, and sends messages through a socket. The worker takes one when it has room for it, and the
 * child waits as long. Only the worker writes to clients and to the journal.
 *
 * A child that sends nothing for LIMIT_CHILD_USEC, while the worker would take it, is killed.
 */

#include "base/bytes.h"
#include "process/config.h"

#include <systemd/sd-event.h>

typedef struct Children Children;
typedef struct Child Child;

typedef enum ChildKind {
    CHILD_COMMITTER,
    CHILD_READER,
    _CHILD_KIND_MAX,
} ChildKind;

/* A message, bytes. */
#define CHILD_MESSAGE_BYTES ((size_t)128 * 1024)

typedef struct ChildTask {
    ChildKind kind;
    int passed; /* a descriptor for the child, which is borrowed; or -1 */
    /* In the child, which ends when this returns. TO_WORKER is for child_tell() and child_wait(),
     * PASSED the child's number of .passed. */
    void (*run)(void *userdata, int to_worker, int passed);
    /* In the worker: the child has sent MESSAGE. It may be freed here. */
    void (*message)(void *userdata, BytesView message);
    /* In the worker: the child has ended, or could not be started. To be freed now or later. */
    void (*ended)(void *userdata);
    void *userdata; /* valid until child_free(); the child sees it as it is when it is forked */
} ChildTask;

/* A negative errno. */
int children_new(sd_event *event, const ServerConfig *config, Children **ret);
Children *children_free(Children *children); /* there must be no child left; NULL is allowed */
DEFINE_CLEANUP(Children *, children_free);

/* How many of KIND run or wait. */
size_t children_count(const Children *children, ChildKind kind);

/* Queues a child with TASK. -ENOMEM. */
int child_new(Children *children, const ChildTask *task, Child **ret);

/* Kills it if it runs, and gives its place to the next one. NULL is allowed. */
Child *child_free(Child *child);

/* Whether it has been forked. */
bool child_has_begun(const Child *child);

/* With HOLD no further message is taken from it, until this is called without. */
void child_hold(Child *child, bool hold);

/* Lets a child that is in child_wait() go on. */
void child_continue(Child *child);

/* --- in the child --- */

/* Sends MESSAGE, at most CHILD_MESSAGE_BYTES, and waits until there is room for it. A negative
 * errno. */
int child_tell(int to_worker, BytesView message);

/* Waits for the worker's child_continue(). -EPIPE if it does not come any more. */
int child_wait(int to_worker);
