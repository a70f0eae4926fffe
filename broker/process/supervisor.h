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
 * If the supervisor itself is killed, its worker gets SIGTERM, answers what it has accepted, and
 * exits. Other connections wait in the service manager's socket for the next broker.
 *
 * The next worker already stands by. If worker and supervisor are killed one right after the other,
 * this third process still has the table open; it answers what they left, and exits.
 *
 * Connections do not survive if all three are killed at once, as `systemctl kill -s KILL` does.
 */

#include "process/handover.h"

/* Runs in the worker's process. With DRAIN it must accept nothing. Returns the exit status: 0 if
 * and only if all its connections have been answered. */
typedef int (*SupervisorWorker)(void *userdata, bool drain);

/* The broker has ended by itself, and only a restart can serve its live sockets: the service
 * manager does not listen on them. */
enum {
    SUPERVISOR_AGAIN = 1,
};

/* Runs workers until one ends cleanly. Returns 0 or SUPERVISOR_AGAIN; -ECHILD if workers keep
 * failing at once; another negative errno if the supervisor cannot start. The process must have no
 * descriptors except the standard ones and LISTENERS, and must not have used libsystemd's journal.
 */
int supervisor_run(const Listeners *listeners, SupervisorWorker worker, void *userdata);

/* Refuses all waiting requests, for a broker that cannot start. Otherwise their units would wait
 * until they time out, and the service manager would start the broker over and over. */
void supervisor_refuse(const Listeners *listeners);

/* Called by the worker: the supervisor tells the service manager that the broker is ready. The
 * manager accepts this from the main process only. */
void supervisor_tell_ready(void);

/* The names of the descriptors in the service manager's descriptor store begin with this. */
#define SUPERVISOR_KEPT "kept-"

/* Called by the worker: the supervisor puts the socket FD into the service manager's descriptor
 * store, where it outlives the broker until it is shut down. Best effort. */
void supervisor_keep(int fd);
