/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One accepted connection, from its first look to its audit record.
 *
 *     take up ──► decide ──► load ──► open ──► answer ──► close, record
 *                                     │ ▲
 *                                     ▼ │ once for each key that is not known
 *                               wait for the TPM
 *
 * Whatever goes wrong on the way is an answer as well: a refusal. There are only three ways to an
 * end: the whole secret is sent, the whole refusal is sent, or the peer has hung up. What needs no
 * TPM, or a key that is still known, and fits into the socket goes this way at once, within
 * connection_start().
 *
 * Should the worker itself fail, a connection is left open, for that is what the next worker finds
 * it by (server/handover.h): nothing here ever closes one that has not had its answer.
 *
 * A peer that does not take its answer keeps it, for a stopped process may go on; but it takes
 * nobody's place: it has stalled, and is not counted. Only if there are too many of them are the
 * oldest that are being refused hung up on, and never one that has a part of its secret.
 */

#include "request/commit.h"
#include "request/host_resources.h"
#include "request/tpm_job.h"

typedef struct Connection Connection;

/* The connections of one worker, and what they need. */
typedef struct ConnectionSet {
    sd_event *event;
    const ServerConfig *config;
    AuditSink *audit;
    HostResources *resources;
    TpmQueue *tpm;
    Children *children;
    CommitQueue *commits;
    /* One connection has ended, or stalled: LIVE_MACHINE's, or one of the service manager's (NULL).
     */
    void (*ended)(void *userdata, const char *live_machine);
    /* The worker cannot go on (a negative errno): a connection is stuck without an answer. */
    void (*failed)(void *userdata, int r);
    void *userdata;

    Connection *first; /* the rest is the module's own */
    size_t count, stalled;
    uint64_t begun; /* how many there were */
} ConnectionSet;

/* How many there are, but for those that have stalled. */
size_t connections_active(const ConnectionSet *set);

/* Takes up the connection FD, which was just accepted; from the live socket of LIVE_MACHINE, or
 * from the service manager (NULL). A negative errno if that is impossible; FD then is open and
 * unanswered. */
int connection_start(ConnectionSet *set, int fd, const char *live_machine);

/* The same for one that an earlier worker began with, and died. */
int connection_take_over(ConnectionSet *set, int fd, const char *live_machine);

/* Refuses all whose answer has not begun. */
void connection_refuse_waiting(ConnectionSet *set, const char *why);
