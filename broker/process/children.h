/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The worker's children, which change or walk the store, because the worker's event loop must not
 * wait.
 *
 * At most one committer, one searcher and LIMIT_READERS readers run at a time; further ones queue.
 * Deliveries wait for searchers, so clients that do not read their lists must not occupy them. A
 * child is
 * forked when its turn comes (base/child.h), closes all of the worker's descriptors, and sends
 * messages through a socket. The worker reads them when it has room, and the child blocks until
 * then. Only the worker writes to clients and to the journal.
 *
 * The worker kills a child that sends nothing for LIMIT_CHILD_USEC although the worker would read
 * it.
 */

#include "base/bytes.h"
#include "process/config.h"

#include <systemd/sd-event.h>

typedef struct Children Children;
typedef struct Child Child;

typedef enum ChildKind {
    CHILD_COMMITTER,
    CHILD_READER,
    CHILD_SEARCHER, /* request/key_search.h */
    _CHILD_KIND_MAX,
} ChildKind;

#define CHILD_MESSAGE_BYTES ((size_t)128 * 1024)

typedef struct ChildTask {
    ChildKind kind;
    int passed; /* a descriptor for the child (borrowed), or -1 */
    /* Runs in the child, which exits when it returns. TO_WORKER is for child_tell() and
     * child_wait(), PASSED the child's copy of .passed. */
    void (*run)(void *userdata, int to_worker, int passed);
    /* Runs in the worker when the child has sent MESSAGE. May free the child. */
    void (*message)(void *userdata, BytesView message);
    /* Runs in the worker when the child has exited or could not be started. The owner must still
     * call child_free(), here or later. */
    void (*ended)(void *userdata);
    void *userdata; /* valid until child_free(); the child has a copy as of the fork */
} ChildTask;

/* Returns 0 or a negative errno. */
int children_new(sd_event *event, const ServerConfig *config, Children **ret);
Children *children_free(Children *children); /* all children must be freed; NULL is allowed */
DEFINE_CLEANUP(Children *, children_free);

/* Queues a child with TASK. Returns 0 or -ENOMEM. */
int child_new(Children *children, const ChildTask *task, Child **ret);

/* Kills CHILD if it runs, and lets the next one start. NULL is allowed. */
Child *child_free(Child *child);

/* Whether CHILD's turn has come. */
bool child_has_begun(const Child *child);

/* Stops reading messages from CHILD if HOLD, else resumes. */
void child_hold(Child *child, bool hold);

/* Makes child_wait() return in CHILD. */
void child_continue(Child *child);

/* --- in the child --- */

/* Sends MESSAGE, at most CHILD_MESSAGE_BYTES; blocks until there is room. Returns 0 or a negative
 * errno. */
int child_tell(int to_worker, BytesView message);

/* Waits for the worker's child_continue(). Returns -EPIPE if the worker is gone. */
int child_wait(int to_worker);
