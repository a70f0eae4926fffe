/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Live sockets, one per machine. The service manager in the container requests the credentials of
 * inner services there, with LoadCredential=ID:/run/host/nspawn-creds/socket.
 *
 *     machines/                belongs to root, so that nobody can plant a link that root follows
 *     machines/web/            created by root, belongs to the broker; mounted in the container,
 *                              which sees its owner as its own root
 *     machines/web/socket      mode 0600
 *
 * Every machine's directory gets a socket, even if its policy has no live credentials. The policy
 * is read at each request, so that it needs no reload. A new or removed directory is noticed at
 * once.
 *
 * The socket alone says which machine a request comes from. Root in the container is hostile, so
 * connections are limited per machine and in total, requests per machine and minute, and all of
 * them have a lower priority than the requests of the host's service manager.
 *
 * Sockets outlive the worker, as connections do (process/handover.h). In the service manager's
 * descriptor store they also outlive the broker, and clients that connect meanwhile wait.
 */

#include "process/config.h"
#include "process/handover.h"

#include "base/cleanup.h"
#include "base/outcome.h"

#include <systemd/sd-event.h>

typedef struct LiveSet LiveSet;

typedef struct LiveEnvironment {
    sd_event *event;
    const ServerConfig *config;
    const Listeners *listeners;
    /* A connection waits at MACHINE's socket LISTENER. Must call live_set_changed() if it accepts
     * it.
     */
    void (*accept)(void *userdata, int listener, const char *machine);
    void *userdata;
} LiveEnvironment;

/* Adopts the sockets of an earlier worker or broker, and creates missing ones as far as possible.
 * Accepts nothing before live_set_accept(). Returns 0, -ENOMEM, or an error of the event loop. */
int live_set_new(const LiveEnvironment *environment, LiveSet **ret);

/* Creates missing sockets, and closes those whose directory is gone. Goes on after an error, and
 * returns the first one. */
int live_set_scan(LiveSet *set, Reason *reason);

/* Accepts connections within the limits, or stops accepting. */
void live_set_accept(LiveSet *set, bool accepting);

/* The caller accepted a connection of MACHINE (BEGAN), or closed one. */
void live_set_changed(LiveSet *set, const char *machine, bool began);

/* The number of open connections. */
size_t live_set_connections(const LiveSet *set);

/* The number of sockets. */
size_t live_set_count(const LiveSet *set);
