/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The control socket, on which the administrator calls the broker with varlink
 * (protocol/varlink.h describes the methods, broker/control/method.h runs them).
 *
 * A connection may make many calls. The next one is read when the reply to the last one has been
 * sent. A connection is closed if its peer is not root, breaks the protocol, does not read, or does
 * not complete a message in time. When there are too many, the one that was idle longest is closed.
 * None of this delays the service manager's requests: the only method that uses the TPM lets them
 * go first (control/check.h), connections and their queued replies are limited, and a peer that
 * makes many calls gets the lowest priority.
 *
 * Control connections end with the worker; nothing depends on them.
 *
 * The courier's socket works in the same way, with an interface and limits of its own. Who may
 * connect to it is what its file's mode says.
 */

#include "control/method.h"
#include "process/handover.h"

typedef struct ControlSet ControlSet;

/* Serves the sockets of KIND, LISTENER_CONTROL or LISTENER_COURIER, among LISTENERS, if any. What
 * ENVIRONMENT points to must outlive the result. Returns 0 or a negative errno. */
int control_set_new(const ControlEnvironment *environment, const Listeners *listeners,
                    ListenerKind kind, ControlSet **ret);

/* Accepts no more connections: they wait for the next broker. */
void control_set_leave(ControlSet *set);

/* The number of connections. */
size_t control_set_count(const ControlSet *set);
