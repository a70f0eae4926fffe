/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds remove: removes credentials from the broker's store, all or none.
 */

#include "base/array.h"
#include "base/json.h"
#include "hint.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "verb/dependents.h"
#include "verb/verb.h"

#include <errno.h>

static void print_json(const Options *options, char **names)
{
    struct json_object *object = json_object_new_object();

    json_add(object, "removed", json_texts(names));
    output_json(object, options->json);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(store_client_done) StoreClient store = {0};
    _cleanup_(freep) StoreChange *changes = NULL;
    _cleanup_(freep) CredentialName *names = NULL;
    Reason reason = {0};
    size_t count = 0;
    int r;

    for (; arguments[count]; count++) {
        StoreChange change = {.remove = true};

        r = credential_name_parse(arguments[count], &reason, &change.name);
        if (r == 0 && (!ARRAY_GROW(changes, count) || !ARRAY_GROW(names, count)))
            r = -ENOMEM;
        if (r != 0)
            return output_error(r, arguments[count], &reason);
        changes[count] = change;
        names[count] = change.name;
    }
    r = spec_open_store(options, &reason, &store);
    for (size_t i = 0; r == 0 && i < count; i++) {
        bool found = false;

        r = store_client_has(&store, &names[i], &reason, &found);
        /* a file from before the fleet brought the credential can be removed */
        if (r == 0 && !found)
            r = spec_check_owner(context, options, &names[i], &reason);
        if (r == 0 && !found)
            return hint_error(context, options, OUTCOME_NOT_FOUND, arguments[i], &reason);
    }
    if (r == 0)
        r = dependents_note(context, names, count, true);
    if (r == 0)
        r = confirm(options, &reason, "Remove %s%s? Values without a copy elsewhere will be lost.",
                    arguments[0], count > 1 ? " and the others" : "");
    if (r == 0)
        r = store_client_commit(&store, changes, count, "remove", &reason);
    if (r != 0)
        return output_error(r, count == 1 ? arguments[0] : NULL, &reason);
    if (options->json != JSON_OFF)
        print_json(options, arguments);
    return 0;
}

const Verb verb_remove = {
    .name = "remove",
    .arguments = "MACHINE@ID...",
    .summary = "Remove credentials from the broker's store",
    .details = "Says which containers and services do not start without them, and asks, unless "
               "--no-ask is given.",
    .options = OPTION_NO_ASK | OPTION_JSON,
    .run = run,
};
