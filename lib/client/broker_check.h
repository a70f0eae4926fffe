/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the broker says about credentials: whether a request would get them now (method Check).
 *
 * The broker's words are shown or compared, and decide nothing else: it talks to containers.
 */

#include "base/context.h"
#include "protocol/client.h"

/* The credential to check; all is borrowed. */
typedef struct BrokerCheck {
    const Context *context;
    const char *machine;
    const char *id;   /* NULL for all that the machine's policy lists */
    BytesView sealed; /* a file in base64, in place of the one in the store; or empty */
} BrokerCheck;

/* Asks the broker at the socket CONTROL, and appends an object of the interface's type Checked to
 * the array RET for each credential. If the broker restarts, as it does for another host key, asks
 * the next one. If the broker has another host key than the host, and has not noticed, restarts it,
 * but not more than once in this process. Returns what client_new() and client_check() return;
 * OUTCOME_NOT_FOUND if all of a machine without a policy are to be checked; -EPROTO if the broker
 * replies something else. */
int broker_check(const char *control, const BrokerCheck *check, const Observer *observer,
                 Reason *reason, struct json_object *ret);

/* Whether the broker has opened any credential in ALL, from broker_check(), with another host key
 * than that of the host. False if this user may not read that. */
bool broker_check_other_key(const Context *context, struct json_object *all);

/* The same as broker_check() for one credential, whose outcome is RET; if it is not 0, REASON
 * explains it. */
int broker_check_one(const char *control, const BrokerCheck *check, const Observer *observer,
                     Reason *reason, int *ret);

/* The outcome in CHECKED, an object from broker_check() or of the interface's type Failure; 0 if
 * the broker would deliver it. */
int broker_check_outcome(struct json_object *checked, Reason *reason);
