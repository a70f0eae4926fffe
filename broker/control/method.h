/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What can be called on the control socket. One table, a row a method; it and the interface's text
 * (protocol/interface.h) say the same, which a test checks.
 */

#include "control/counters.h"
#include "protocol/varlink.h"
#include "request/connection.h"
#include "request/peer.h"

/* What methods work on; all borrowed. */
typedef struct ControlEnvironment {
    ConnectionSet *connections;
    Counters *counters;
    void (*restart)(void *userdata); /* ends the worker when nothing is in flight any more */
    int (*reload)(void *userdata, Reason *reason); /* live_set_scan() */
    void *userdata;

    /* of one call */
    HostResources *resources;
    int to_worker; /* in a reader; else -1 */
    const Peer *peer;
    uint64_t begun; /* CLOCK_MONOTONIC, µs */
} ControlEnvironment;

typedef enum MethodKind {
    METHOD_LOOP,      /* runs in the event loop, and never waits */
    METHOD_READER,    /* runs in a child: it reads the store */
    METHOD_COMMIT,    /* runs in a child: it changes the store (request/commit.h) */
    METHOD_SUBSCRIBE, /* goes on replying until the peer hangs up */
} MethodKind;

typedef struct Method {
    const char *name; /* of INTERFACE_BROKER, or INTERFACE_SERVICE */
    const char *interface;
    const VarlinkField *fields;
    MethodKind kind;
    bool more; /* replies more than once */
    /* 0, with the reply's parameters in RET; an Outcome or a negative errno. PARAMETERS have been
     * checked. */
    int (*run)(const ControlEnvironment *environment, struct json_object *parameters,
               Reason *reason, struct json_object **ret);
} Method;

/* By its full name; NULL, and why in RET_ERROR (a VARLINK_… error), if there is none. */
const Method *method_find(const char *name, const char **ret_error);

/* The rows, for tests. */
const Method *method_table(size_t *ret_count);

/* For a METHOD_READER, in its child: sends MESSAGE, which is taken, to the peer. All but the last
 * one are replies that continue; the caller of .run sends that. A negative errno. */
int method_send(const ControlEnvironment *environment, struct json_object *message, bool last);

/* The parameters of an event's reply; NULL if there is no memory. */
struct json_object *method_event(const AuditRecord *record);
