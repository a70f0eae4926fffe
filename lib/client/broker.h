/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Calls of the broker's methods, which say that they wait (progress.h).
 */

#include "protocol/client.h"

/* As client_call(). */
int broker_call(Client *client, const char *method, struct json_object *parameters, Reason *reason,
                struct json_object **ret);
