/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One accepted connection, from accept() to its audit record.
 *
 *     accept ──► decide ──► load ──► open ──► answer ──► close, record
 *                                    │ ▲
 *                                    ▼ │ once for each key that is not cached
 *                              wait for the TPM
 *
 * Every failure becomes an answer, too: a refusal. A connection ends in one of three ways only: the
 * whole secret was sent, the whole refusal was sent, or the peer has closed it. If a request needs
 * no TPM, or only a cached key, and its answer fits into the socket, connection_start() does it
 * all.
 *
 * If the host key was replaced, only the next broker can answer requests that need it. They are
 * deferred: they wait for the end of this one.
 *
 * If the worker itself fails, or leaves, connections stay open, so that the next worker finds them
 * (process/handover.h). Nothing here closes a connection that has not been answered.
 *
 * If a peer does not read its answer, the connection stays open, because a stopped process may
 * continue. It has stalled, and no longer counts towards the limits. When too many have stalled,
 * the oldest connections that are being refused are closed, but never one that may have received a
 * part of its secret.
 */

#include "process/shelter.h"
#include "request/host_resources.h"
#include "request/rollback_guard.h"
#include "request/store_job.h"
#include "request/tpm_job.h"

typedef struct Connection Connection;

/* A worker's connections, and what they need. */
typedef struct ConnectionSet {
    sd_event *event;
    const ServerConfig *config;
    AuditSink *audit;
    HostResources *resources;
    TpmQueue tpm;
    Children *children;
    StoreQueue store;
    RollbackGuard rollback;
    Shelter shelter;
    /* A connection has ended or stalled; from LIVE_MACHINE's socket, or the host's (NULL). */
    void (*ended)(void *userdata, const char *live_machine);
    /* A connection cannot be answered (a negative errno), so the worker must exit. */
    void (*failed)(void *userdata, int r);
    void *userdata;

    Connection *first; /* private from here on */
    size_t count;
    size_t stalled, live_stalled; /* the host's, and live ones */
    size_t deferred;              /* to the next broker */
    uint64_t begun;               /* connections in total */
} ConnectionSet;

/* The number of connections, without up to .stalled_max of the host's that have stalled. */
size_t connections_active(const ConnectionSet *set);

/* The number of connections that have not stalled, and that this broker can answer. */
size_t connections_moving(const ConnectionSet *set);

/* Whether there is a request of which no answer has begun. */
bool connections_wait(const ConnectionSet *set);

/* Whether the host's service manager is reading an answer. */
bool connections_host_reads(const ConnectionSet *set);

/* The connections are about to go to the next broker, which has no reason to suspect them. */
void connections_leave(ConnectionSet *set);

/* Starts to answer FD, which was just accepted from the live socket of LIVE_MACHINE or from the
 * host (NULL). Returns 0 or a negative errno; after an error FD is open and unanswered. */
int connection_start(ConnectionSet *set, int fd, const char *live_machine);

/* The same for a connection of an earlier worker, which died. */
int connection_take_over(ConnectionSet *set, int fd, const char *live_machine);

/* Refuses all connections whose answers have not begun. */
void connection_refuse_waiting(ConnectionSet *set, const char *why);
