/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Calls methods on the control socket, one after the other, on a blocking connection.
 */

#include "base/observer.h"
#include "protocol/varlink.h"

#define CLIENT_DEFAULT_PATH "/run/nspawn-creds/control"
#define CLIENT_COURIER_PATH "/run/nspawn-creds/courier"

typedef struct Client Client;

/* Connects to the socket PATH. Returns 0, OUTCOME_BROKER_UNREACHABLE if nobody listens there,
 * nobody accepts within LIMIT_CALL_SECONDS or the user may not connect, or a negative errno. */
int client_new(const char *path, Reason *reason, Client **ret);

/* The same for the courier's socket: methods are of INTERFACE_COURIER, and client_call() waits
 * LIMIT_COMMIT_SECONDS, because containers' requests go first. */
int client_new_courier(const char *path, Reason *reason, Client **ret);
Client *client_free(Client *client);
DEFINE_CLEANUP(Client *, client_free);

/* Calls METHOD of INTERFACE_BROKER. PARAMETERS (may be NULL) are taken, also on failure. RET is an
 * object that the caller owns. OBSERVER sees the wait for "the broker". Returns 0; the outcome of
 * the broker's error, with its reason; OUTCOME_BROKER_UNREACHABLE if the broker closes the
 * connection, or does not take the call or reply within LIMIT_CALL_SECONDS; -EPROTO for a reply
 * that is not valid; or another negative errno. */
int client_call(Client *client, const char *method, struct json_object *parameters,
                const Observer *observer, Reason *reason, struct json_object **ret);

/* The same for Commit, with the memfd FD (borrowed; or -1). Waits LIMIT_COMMIT_SECONDS for the
 * reply. */
int client_commit(Client *client, struct json_object *parameters, int fd, const Observer *observer,
                  Reason *reason, struct json_object **ret);

/* Like client_call(), for a method that replies several times. Calls EACH with every reply
 * (borrowed), during the wait that OBSERVER sees. If EACH does not return 0, stops and returns its
 * result; -EMSGSIZE if all replies together exceed LIMIT_REPLIES_BYTES. */
int client_observe(Client *client, const char *method, struct json_object *parameters,
                   int (*each)(void *userdata, struct json_object *reply), void *userdata,
                   const Observer *observer, Reason *reason);

/* The same for Check. Waits LIMIT_COMMIT_SECONDS for each reply, because requests go first. */
int client_check(Client *client, struct json_object *parameters,
                 int (*each)(void *userdata, struct json_object *reply), void *userdata,
                 const Observer *observer, Reason *reason);
