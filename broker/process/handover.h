/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Handing connections on from a dead worker to the next.
 *
 * Supervisor and worker share one descriptor table, so that what the worker had open is still open
 * when it has died: its accepted connections, which must be answered, and its epoll instance,
 * timers and pipes, which are of no use to anyone. Nothing is known of it but what the kernel
 * knows: a connection is recognised by its own address, which it has from the listening socket, and
 * how far it got by a mark that travels on the socket itself.
 *
 * The live sockets (server/live.h) are handed on in the same way: they are the listening ones below
 * the live folder, and the path says whose they are.
 *
 * The mark is the socket's SO_PRIORITY, which for a local socket has no effect, is 0 at first and
 * may be set up to 6 by anyone. 0 to 5 counts the workers that died with the request, so that
 * one that brings down its worker is not handed on for ever; 6 says that bytes of the answer
 * may have gone out, after which a refusal is the only thing that can follow.
 */

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A machine name with its NUL. */
typedef char LiveMachine[LIMIT_MACHINE_BYTES + 1];

/* Descriptors are smaller: the kernel hands out the lowest that is free, and the limits of the
 * broker keep the number of open ones far below. */
#define HANDOVER_FD_MAX    2048

#define HANDOVER_ANSWERING 6

/* Listening sockets that the service manager made for the broker. */
#define LISTENERS_MAX      8

/* What comes in there. */
typedef enum ListenerKind {
    LISTENER_REQUESTS, /* the service manager's requests, which must be answered */
    LISTENER_CONTROL,  /* the administrator's; whose end tells its peer all that it has to know */
} ListenerKind;

typedef struct Listeners {
    int fds[LISTENERS_MAX];
    ListenerKind kinds[LISTENERS_MAX];
    size_t count;
    const char *live_folder; /* LIVE_FOLDER; NULL for no live sockets */
} Listeners;

/* All take a bare descriptor, allocate nothing and are safe in either process. */

/* Negative errno if FD is no socket. */
int handover_mark_get(int fd);
int handover_mark_set(int fd, int mark);

/* Whether FD is a live socket, or was accepted from one; then whose that is. */
bool handover_live_machine(int fd, const Listeners *listeners, LiveMachine ret);

/* The socket with this inode, or -1. */
int handover_find(ino_t inode);

/* The first live socket that listens whose descriptor is not smaller than FROM, or -1. */
int handover_next_live(const Listeners *listeners, int from);

/* Whether FD was accepted from one of those LISTENERS that take requests, or from a live socket. */
bool handover_is_connection(int fd, const Listeners *listeners);

/* The first connection whose descriptor is not smaller than FROM, or -1. */
int handover_next(const Listeners *listeners, int from);

/* Closes every descriptor but the standard ones, the listeners, the live sockets and the
 * connections; says how many connections there are. For the supervisor, while no worker lives. */
size_t handover_sweep(const Listeners *listeners);
