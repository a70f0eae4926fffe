/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds setup: creates this host's key.
 */

#include "key/host_key.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <errno.h>
#include <unistd.h>

/* A key that credentials need may be in a backup. */
static int confirm_new(const Context *context, const Options *options, Reason *reason)
{
    size_t users = 0;
    Reason lost;
    int r = 0;

    if (access(host_key_path(), F_OK) == 0 || errno != ENOENT)
        return 0;
    r = spec_count_host_sealed(context, options, &users);
    if (r != 0 || users == 0)
        return r;
    host_key_lost(host_key_path(), users, &lost);
    return confirm(options, reason,
                   "%s. Restore it if there is a backup. Create another key, with which %s?",
                   lost.text, users == 1 ? "it never opens" : "they never open");
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    Reason reason = {0};
    bool made;
    int r;

    (void)arguments;
    r = confirm_new(context, options, &reason);
    if (r == 0)
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
               "without it nothing that\nwas sealed with it opens again. Asks before it creates a "
               "key while credentials need a lost one,\nunless --no-ask is given.",
    .options = OPTION_JSON | OPTION_NO_ASK,
    .run = run,
};
