/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds remove: removes credentials from the broker's store.
 */

#include "base/json.h"
#include "base/names.h"
#include "protocol/client.h"
#include "terminal/confirm.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <errno.h>

static int remove_one(Client *client, const CredentialName *name, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *parameters = json_object_new_object();
    _cleanup_(json_object_putp) struct json_object *reply = NULL;

    if (!json_add(parameters, "machine", json_object_new_string(name->machine)) ||
        !json_add(parameters, "credential", json_object_new_string(name->id)))
        return -ENOMEM;
    return client_call(client, "Remove", TAKE_PTR(parameters), &terminal_observer, reason, &reply);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(client_freep) Client *client = NULL;
    const char *subject = NULL;
    Reason reason = {0};
    CredentialName name;
    int r = 0;

    (void)context;
    /* check all before any is removed */
    for (char **argument = arguments; r == 0 && *argument; argument++) {
        subject = *argument;
        r = credential_name_parse(*argument, &reason, &name);
    }
    if (r == 0)
        r = confirm(options, &reason, "Remove %s%s? Values without a copy elsewhere will be lost.",
                    arguments[0], arguments[1] ? " and the others" : "");
    if (r == 0) {
        subject = NULL;
        r = client_new(CLIENT_DEFAULT_PATH, &reason, &client);
    }
    for (; r == 0 && *arguments; arguments++) {
        subject = *arguments;
        (void)credential_name_parse(*arguments, NULL, &name);
        r = remove_one(client, &name, &reason);
    }
    return r == 0 ? 0 : output_error(r, subject, &reason);
}

const Verb verb_remove = {
    .name = "remove",
    .arguments = "MACHINE@ID...",
    .summary = "Remove credentials from the broker's store",
    .details = "Asks first, unless --no-ask is given. A container whose policy lists a "
               "removed credential does not\nstart any more.",
    .options = OPTION_NO_ASK,
    .arguments_min = 1,
    .arguments_max = ARGUMENTS_ANY,
    .run = run,
};
