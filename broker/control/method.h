/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The methods of the control socket, in a table with one row per method. A test compares it with
 * the text of the interface (protocol/io.nspawn-creds.Broker.varlink).
 */

#include "control/counters.h"
#include "live/live.h"
#include "protocol/varlink.h"
#include "request/connection.h"
#include "request/peer.h"

/* The objects that the methods use. All are borrowed. */
typedef struct ControlEnvironment {
    ConnectionSet *connections;
    Counters *counters;
    LiveSet *live;
    void (*restart)(void *userdata); /* makes the worker exit when it has no connections */
    void *userdata;
} ControlEnvironment;

typedef struct MethodCall {
    const ControlEnvironment *environment;
    const char *interface;          /* that the socket serves, beside org.varlink.service */
    struct json_object *parameters; /* checked against the method's fields */
    const Peer *peer;
    HostResources *resources;  /* NULL for METHOD_STATUS */
    int to_worker;             /* in a child; else -1 */
    struct Offer *offer;       /* of the courier's connection, or NULL */
    struct json_object *reply; /* the parameters of the last reply, to be filled (base/json.h) */
    Reason reason;
} MethodCall;

typedef enum MethodKind {
    METHOD_LOOP,      /* runs in the event loop, and never waits */
    METHOD_READER,    /* runs in a child, because it reads the store */
    METHOD_STATUS,    /* likewise, because it reads the fleets' sets; replies once */
    METHOD_COMMIT,    /* runs in a child, because it changes the store (request/store_job.h) */
    METHOD_CHECK,     /* runs in the event loop, and waits for the TPM (control/check.h) */
    METHOD_SUBSCRIBE, /* replies until the peer closes the connection */
    METHOD_OFFER,     /* the courier's: all that waits is in courier/offer.h */
    METHOD_BLOB,      /* as METHOD_LOOP, and others may have to make room */
    METHOD_ACCEPT,
} MethodKind;

typedef struct Method {
    const char *name; /* without the interface */
    const char *interface;
    const VarlinkField *fields;
    MethodKind kind;
    bool more; /* replies more than once */
    /* Returns 0, an Outcome, or a negative errno. */
    int (*run)(MethodCall *call);
} Method;

/* Finds a method of INTERFACE, or of every service, by its full name. If there is none, returns
 * NULL and a VARLINK_… error in RET_ERROR. */
const Method *method_find(const char *interface, const char *name, const char **ret_error);

/* The table, for tests. */
const Method *method_table(size_t *ret_count);

/* Called by a METHOD_READER or METHOD_STATUS in its child: sends MESSAGE (taken) to the peer. The
 * caller of .run sends the last reply; all others continue. Returns 0 or a negative errno. */
int method_send(const MethodCall *call, struct json_object *message, bool last);

/* The parameters of an event's reply, or NULL if there is no memory. */
struct json_object *method_event(const AuditRecord *record);

/* --- methods in files of their own --- */

/* method_list.c: what the store and the policies contain. */
int method_list(MethodCall *call);
int method_describe(MethodCall *call);

/* counters.c: the counters as OpenMetrics families of samples. Labels have a bounded number
 * of values: verdicts, outcomes, durations, and never text from a peer. */
int method_metrics(MethodCall *call);
