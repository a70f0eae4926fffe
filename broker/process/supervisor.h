/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The supervisor: the process that sees to it that a connection outlives the worker that accepted
 * it.
 *
 * A broker that dies after accept() closes the connection with it, and to the service manager that
 * is an empty credential and a unit that starts. So there are processes with one descriptor table
 * (clone(2), CLONE_FILES) and separate memory. The worker does everything; the supervisor
 * waits for its end. If that comes otherwise than cleanly, all the connections are still open, and
 * the next worker takes them up. The supervisor holds no secret, reads nothing that a peer sent and
 * allocates nothing, so that there is little that it could die of.
 *
 * If the supervisor itself is killed, its worker gets SIGTERM, finishes what is in flight and ends;
 * what is not accepted yet waits in the service manager's socket for the next broker.
 *
 * The next worker stands by from the start, so that there is a third process that keeps the table
 * open where both are killed one right after the other: it answers what they left, and ends.
 *
 * Not survived: all three killed within the same moments, such as by `systemctl kill -s KILL`.
 */

#include "process/handover.h"

/* A worker's whole life, run in the new process; DRAIN says that it is to accept nothing. Returns
 * its exit status: 0 if and only if all its connections have had their answer. */
typedef int (*SupervisorWorker)(void *userdata, bool drain);

/* The broker has ended by itself and there are live sockets, for which nobody else starts it. */
enum {
    SUPERVISOR_AGAIN = 1,
};

/* Runs workers until one ends cleanly. 0 or SUPERVISOR_AGAIN; -ECHILD if one after the other fails
 * at once, another negative errno if it cannot set itself up. The process must have no descriptors
 * but the standard ones and LISTENERS, and not have used libsystemd's journal. */
int supervisor_run(const Listeners *listeners, SupervisorWorker worker, void *userdata);

/* For a broker that cannot start: answers whoever waits now with a refusal. Otherwise their units
 * would wait until they time out, and meanwhile the service manager would start the broker for them
 * over and over. */
void supervisor_refuse(const Listeners *listeners);

/* For the worker: has the supervisor tell the service manager that the broker is ready. The manager
 * takes nobody else's word. */
void supervisor_tell_ready(void);

/* What the names of descriptors begin with that the service manager kept. */
#define SUPERVISOR_KEPT "kept-"

/* The same for the socket FD, which the service manager is to keep, over an end of the broker,
 * until it is shut down. Best effort. */
void supervisor_keep(int fd);
