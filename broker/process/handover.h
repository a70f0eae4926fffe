/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How a worker's connections reach the next worker, or the next broker.
 *
 * Supervisor and worker share one descriptor table. When the worker has died, its descriptors are
 * still open: the accepted connections, which must be answered, and its epoll instance, timers and
 * pipes, which nobody needs. Only the kernel knows anything about them. A connection has the
 * address of its listening socket, and a mark on the socket says how far its request got.
 *
 * Live sockets (live/live.h) are handed over in the same way. They are the listening sockets below
 * the live directory; the path contains the machine's name.
 *
 * The service manager's descriptor store (FDSTORE=1) keeps sockets while there is no broker. The
 * next broker finds them in its table. A socket that was put there stays open until it is shut
 * down; closing it is not enough.
 *
 * The mark is the socket's SO_PRIORITY, which has no effect on a local socket, is 0 at first, and
 * may be set up to 6 without privileges. 0 to 5 counts the workers that died with the request, so
 * that a request that kills its worker is not handed over for ever. 6 says that bytes of the answer
 * may have been sent, so that only a refusal can follow.
 */

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

/* A machine name with its NUL. */
typedef char LiveMachine[LIMIT_MACHINE_BYTES + 1];

/* All descriptors are below this: the kernel uses the lowest free number, and the broker's limits
 * keep the number of open descriptors far below. */
#define HANDOVER_FD_MAX    4096

#define HANDOVER_ANSWERING 6

/* The listening sockets that the service manager passes. */
#define LISTENERS_MAX      8

typedef enum ListenerKind {
    LISTENER_REQUESTS, /* the service manager's requests, which must be answered */
    LISTENER_CONTROL,  /* the administrator's; its clients notice a closed connection */
    LISTENER_COURIER,  /* the courier's, likewise */
} ListenerKind;

typedef struct Listeners {
    int fds[LISTENERS_MAX];
    ListenerKind kinds[LISTENERS_MAX];
    size_t count;
    const char *live_folder; /* LIVE_MOUNT_FOLDER, or NULL for no live sockets */
    int manager_msec;        /* LIMIT_MANAGER_MSEC; how long to wait for the service manager */
    int shelter[2];          /* see process/shelter.h; 0 if there is none */
} Listeners;

/* These functions allocate nothing and may be called in either process. */

/* Returns a negative errno if FD is not a socket. */
int handover_mark_get(int fd);
int handover_mark_set(int fd, int mark);

/* Whether FD is a live socket or was accepted from one. RET is then the socket's machine. */
bool handover_live_machine(int fd, const Listeners *listeners, LiveMachine ret);

/* The first listening live socket whose descriptor is at least FROM, or -1. */
int handover_next_live(const Listeners *listeners, int from);

/* The first connection whose descriptor is at least FROM, or -1. */
int handover_next(const Listeners *listeners, int from);

/* The names of the descriptors in the service manager's store begin with this. */
#define HANDOVER_KEPT "kept-"

/* Puts FD, a live socket, into the store, where it outlives all processes of the broker. Best
 * effort; does not wait. For the supervisor. */
void handover_keep(int fd, const Listeners *listeners);

/* Puts all connections and live sockets into the store. Waits several times for the service
 * manager. Returns 0 if it has them all; a negative errno if it may not. For the supervisor. */
int handover_keep_all(const Listeners *listeners);

/* The first descriptor from FROM on that may be a socket, or HANDOVER_FD_MAX. Only the worker may
 * call it, or the supervisor while no worker is alive. */
int handover_next_socket(int from);

/* Closes every descriptor except the standard ones, the listeners, the shelter, the live sockets
 * and the connections. Returns the number of connections. For the supervisor, while no worker is
 * alive. */
size_t handover_sweep(const Listeners *listeners);
