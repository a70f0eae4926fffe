/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The supervisor keeps connections alive when the worker that accepted them dies.
 *
 * A broker that dies after accept() closes the connection. The service manager takes that for an
 * empty credential and starts the unit. So the broker consists of processes with separate memory
 * and one descriptor table (clone(2), CLONE_FILES). The worker does all the work; the supervisor
 * waits for it to exit. If the worker dies, all connections are still open, and the next worker
 * answers them. The supervisor holds no secret, reads nothing of a peer but its address and
 * allocates nothing, so that little can kill it.
 *
 * If the supervisor itself is killed, its worker ends as before a restart, but answers or refuses
 * all that wait: the service manager listens to the supervisor alone (NotifyAccess=main) and keeps
 * no connection for the others. New connections wait in the service manager's socket for the next
 * broker.
 *
 * The next worker already stands by. If worker and supervisor are killed one right after the other,
 * this third process still has the table open; it answers what they left, and exits.
 *
 * If all three are killed at once, as by `systemctl kill -s KILL`, the shelter keeps the
 * connections for the next broker, see process/shelter.h.
 */

#include "process/handover.h"

#include <stdbool.h>

/* How a worker is to end. The first signal decides. */
typedef enum Drain {
    DRAIN_NONE,    /* not yet */
    DRAIN_STOP,    /* SIGTERM: nobody may follow, so it answers or refuses everything */
    DRAIN_RESTART, /* SIGINT: it leaves what takes longer to the next broker */
} Drain;

Drain drain_of_signal(int received);

/* How a worker ended; its exit status, unless that is EXIT_FAILURE. */
enum {
    WORKER_DONE = 0,    /* every connection has been answered */
    WORKER_LEFT = 2,    /* the next broker is to answer the others (handover_keep_all()) */
    WORKER_KILLED = -1, /* by SIGKILL, from outside or for want of memory */
};

/* Runs in the worker's process. Unless DRAIN is DRAIN_NONE, it must accept nothing. Returns the
 * exit status. */
typedef int (*SupervisorWorker)(void *userdata, Drain drain);

/* Only a restart can serve what the service manager has stored: it does not listen there. */
enum {
    SUPERVISOR_AGAIN = 1,
};

/* Runs workers until one ends cleanly. Returns 0 or SUPERVISOR_AGAIN; -ECHILD if workers keep
 * failing at once; another negative errno if the supervisor cannot start. The process must have no
 * descriptors except the standard ones and LISTENERS, and must not have used libsystemd's journal.
 */
int supervisor_run(Listeners *listeners, SupervisorWorker worker, void *userdata);

/* For the worker. Without a supervisor, the first is false and the others do nothing. */
bool supervisor_lives(void);
void supervisor_tell_ready(void);

/* Has FD, a live socket, put into the service manager's store, see handover_keep(). */
void supervisor_keep(int fd);

/* Refuses all waiting requests, for a broker that cannot start. Otherwise their units would wait
 * until they time out, and the service manager would start the broker over and over. Returns 0, or
 * SUPERVISOR_AGAIN if somebody is still to read the refusal. */
int supervisor_refuse(Listeners *listeners);
