/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds setup: creates this host's key.
 */

#include "key/host_key.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    Reason reason = {0};
    bool made;
    int r;

    (void)arguments;
    r = host_key_ensure(context, host_key_path(), &reason, &key, &made);
    if (r != 0)
        return output_error(r, NULL, &reason);
    if (made)
        observer_host_key_made(&terminal_observer);
    if (options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_object_object_add(object, "path", json_object_new_string(host_key_path()));
        json_object_object_add(object, "made", json_object_new_boolean(made));
        output_json(object, options->json);
    } else
        printf(made ? "Created this host's key, %s.\n" : "This host already has a key, %s.\n",
               host_key_path());
    return 0;
}

const Verb verb_setup = {
    .name = "setup",
    .arguments = "",
    .summary = "Create this host's key, if it has none",
    .details = "The key is systemd's own, /var/lib/systemd/credential.secret. Back it up: "
               "without it nothing that\nwas sealed with it opens again.",
    .options = OPTION_JSON,
    .run = run,
};
