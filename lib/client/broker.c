/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls of the broker's methods. See broker.h.
 */

#include "client/broker.h"

#include "terminal/progress.h"

int broker_call(Client *client, const char *method, struct json_object *parameters, Reason *reason,
                struct json_object **ret)
{
    int r;

    progress_begin("the broker");
    r = client_call(client, method, parameters, reason, ret);
    progress_end();
    return r;
}
