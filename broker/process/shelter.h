/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The shelter keeps connections open when all processes of the broker are killed at once.
 *
 * It is a pair of connected sockets. A descriptor that was sent into one end and not received from
 * the other is open, whoever dies, as long as the pair is; and the service manager has both ends in
 * its descriptor store. So a connection is sheltered by one system call, and without the service
 * manager, which could be busy, and which takes nothing from a process that is already dead. The
 * next broker finds the pair in its table, and the connections in the pair.
 *
 * A connection leaves the shelter when it is over, and those that were sheltered before it are
 * over, too, or when somebody needs its place. Until then it stays open, unless it is shut down:
 * closing it is not enough.
 *
 * A connection is lost between accept() and shelter_put(), and while the service manager does not
 * have the pair yet, for which shelter_open() waits. Connections beyond LIMIT_SHELTERED are not
 * sheltered.
 */

#include "process/handover.h"

/* The connections that a worker has sheltered. All zero: none, and there is no shelter. */
typedef struct Shelter {
    int in, out;              /* borrowed; 0 if there is no shelter */
    int fds[LIMIT_SHELTERED]; /* in the order of the pair's queue; -1 is a free place */
    size_t count;
    size_t room; /* LIMIT_SHELTERED, or less if the pair's buffer is too small for that */
} Shelter;

/* For the supervisor, at its start: finds the pair of an earlier broker in the table, or makes one
 * and waits up to .manager_msec until the service manager has it. Sets .shelter, to zeros if there
 * can be none, and puts another descriptor of each sheltered connection that is not in the table
 * into it. */
void shelter_open(Listeners *listeners);

/* For the worker, before it accepts anything: shelters the connections in the table. */
void shelter_begin(Shelter *shelter, const Listeners *listeners);

/* Shelters FD, unless it is sheltered already or there is no room. */
void shelter_put(Shelter *shelter, int fd);

/* FD is over. Returns whether its message stays in the queue for a while, which keeps it open until
 * it is shut down. */
bool shelter_drop(Shelter *shelter, int fd);

/* Removes the messages of all that is over. */
void shelter_tidy(Shelter *shelter);
