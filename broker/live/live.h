/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Live sockets: one a machine, on which the service manager in the container asks for what single
 * services there are to have, with LoadCredential=ID:/run/host/nspawn-creds/socket.
 *
 *     LIVE_FOLDER/             root's, so that nobody puts a link where root follows it
 *     LIVE_FOLDER/web/         made by root, the broker's; bound into the container, which sees its
 *                              owner as its own root
 *     LIVE_FOLDER/web/socket   mode 0600
 *
 * There is a socket in every machine's folder, whether its policy has something live or not: that
 * is decided at each request, so that a policy needs no reload. A folder that comes or goes is
 * noticed at once.
 *
 * The socket is all that tells whose a request is. Its root is taken to be hostile: each machine
 * may have a few connections at a time, all together some more, and so many requests a minute; and
 * what they do comes after the requests of the host's service manager.
 *
 * Sockets outlive the worker, as connections do (server/handover.h), and in the service manager's
 * descriptor store also the broker: who connects meanwhile waits. So do connections that wait for
 * the TPM, which is where they are for all but a moment.
 */

#include "process/config.h"
#include "process/handover.h"

#include "base/cleanup.h"
#include "base/outcome.h"

#include <systemd/sd-event.h>

#define LIVE_FOLDER "/run/nspawn-creds/machines"
#define LIVE_SOCKET "socket"

typedef struct LiveSet LiveSet;

typedef struct LiveEnvironment {
    sd_event *event;
    const ServerConfig *config;
    const Listeners *listeners;
    /* A connection waits at LISTENER, MACHINE's; is to call live_set_began() if it takes it. A
     * negative errno is final. */
    int (*accept)(void *userdata, int listener, const char *machine);
    void (*failed)(void *userdata, int r);
    void *userdata;
} LiveEnvironment;

/* Goes on with what an earlier worker had, or the service manager kept. Accepts nothing until it is
 * told to. What cannot be made is left out. -ENOMEM and other errors of the event loop. */
int live_set_new(const LiveEnvironment *environment, LiveSet **ret);

/* Leaves the sockets open. NULL is allowed. */
LiveSet *live_set_free(LiveSet *set);
DEFINE_CLEANUP(LiveSet *, live_set_free);

/* Makes a socket wherever one is missing, and closes those whose folder is gone. The first error,
 * after all that could be done was done. */
int live_set_scan(LiveSet *set, Reason *reason);

/* Whether connections are accepted, within the limits. */
void live_set_accept(LiveSet *set, bool accepting);

/* A connection of MACHINE's was taken up, has ended. */
void live_set_began(LiveSet *set, const char *machine);
void live_set_ended(LiveSet *set, const char *machine);

/* Connections that were taken up and have not ended. */
size_t live_set_connections(const LiveSet *set);

/* Sockets that there are. */
size_t live_set_count(const LiveSet *set);
