/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The method Check: finds out whether the broker would deliver a machine's credentials, by doing
 * all that a request does, except the delivery.
 *
 * Each credential is a trial (request/request.h), one after the other. Deliveries come first: every
 * trial begins when the event loop has nothing else to do, and its TPM operation when no other is
 * queued. A value is wiped as soon as its size is known. Each trial leaves an audit entry.
 */

#include "request/connection.h"
#include "request/peer.h"

typedef struct Check Check;

/* All but .done is borrowed until check_new() returns, .connections until the check is freed. */
typedef struct CheckOrder {
    ConnectionSet *connections;
    struct json_object *parameters; /* of Check, checked against its fields */
    const Peer *peer;
    /* A credential was checked. REPLY is taken, and NULL if there is no memory. The callee may free
     * the check, and must do so after the LAST credential. */
    void (*done)(void *userdata, struct json_object *reply, bool last);
    void *userdata;
} CheckOrder;

/* Begins a check, which is held. Returns 0, OUTCOME_INVALID_NAME, OUTCOME_NOT_FOUND if it is for
 * all credentials of a machine without a policy, OUTCOME_BAD_POLICY, or a negative errno. */
int check_new(const CheckOrder *order, Reason *reason, Check **ret);
Check *check_free(Check *check); /* NULL is allowed */
DEFINE_CLEANUP(Check *, check_free);

/* Does not begin with the next credential if HOLD, else goes on. */
void check_hold(Check *check, bool hold);
