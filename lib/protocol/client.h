/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The other end of the control socket: calls, one after the other, on a blocking connection.
 */

#include "base/observer.h"
#include "protocol/interface.h"

#define CLIENT_DEFAULT_PATH "/run/nspawn-creds/control"

typedef struct Client Client;

/* Connects to the socket PATH. OUTCOME_BROKER_UNREACHABLE if nobody listens there, this user may
 * not connect, or nobody accepts within LIMIT_CALL_SECONDS; -ENOMEM. */
int client_new(const char *path, Reason *reason, Client **ret);
Client *client_free(Client *client);
DEFINE_CLEANUP(Client *, client_free);

/* Calls METHOD of INTERFACE_BROKER; PARAMETERS (NULL: none) are taken in any case. RET is an
 * object, owned by the caller. An error that the broker replies is its outcome, with its reason.
 * OUTCOME_BROKER_UNREACHABLE if the broker hangs up, or neither takes the call nor replies within
 * LIMIT_CALL_SECONDS; -EPROTO if what it says is not of the interface. OBSERVER sees the wait for
 * "the broker". */
int client_call(Client *client, const char *method, struct json_object *parameters,
                const Observer *observer, Reason *reason, struct json_object **ret);

/* The same, and passes the descriptor FD, which is borrowed, with the call. */
int client_call_with(Client *client, const char *method, struct json_object *parameters, int fd,
                     const Observer *observer, Reason *reason, struct json_object **ret);

/* The same for a method that replies more than once: EACH is called with every reply, borrowed,
 * until the last one, or until it returns something other than 0, which is returned. Fails if a
 * reply takes longer than SECONDS; 0: it may take any time. */
int client_observe(Client *client, const char *method, struct json_object *parameters,
                   unsigned seconds, int (*each)(void *userdata, struct json_object *reply),
                   void *userdata, Reason *reason);
