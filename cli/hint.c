/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "hint.h"

#include "base/array.h"
#include "base/nearest.h"
#include "policy/policy_load.h"
#include "specs.h"
#include "terminal/output.h"

#include <string.h>

#define HINT "; did you mean "

/* The directory of a machine is left when its last credential is removed. */
static bool has_credentials(const Store *store, const char *machine)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;

    return store_list(store, machine, NULL, &entries, &count) == 0 && count > 0;
}

void hint_names(const Context *context, const Options *options, const char *machine,
                void (*offer)(void *userdata, const char *name), void *userdata)
{
    _cleanup_(strings_freep) char **with_policy = NULL, **stored = NULL;
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    _cleanup_(freep) StoreEntry *entries = NULL;
    _cleanup_(store_freep) Store *store = NULL;
    PolicyFault fault;
    size_t count = 0;

    (void)spec_look_store(options, &store);
    if (machine && !machine_name_valid(machine))
        return;
    if (machine) {
        if (policy_load(context, machine, &fault, &policy) == 0)
            for (size_t i = 0; i < policy->count; i++)
                offer(userdata, policy->credentials[i].id);
        if (store && store_list(store, machine, NULL, &entries, &count) == 0)
            for (size_t i = 0; i < count; i++)
                offer(userdata, entries[i].name.id);
        return;
    }
    if (policy_machines(context, NULL, NULL, &with_policy) != 0)
        return;
    for (char **found = with_policy; *found; found++)
        if (machine_name_valid(*found))
            offer(userdata, *found);
    if (store && store_machines(store, NULL, &stored) == 0)
        for (char **found = stored; *found; found++)
            if (!strings_have(with_policy, *found) && has_credentials(store, *found))
                offer(userdata, *found);
}

static void offer_nearest(void *userdata, const char *name)
{
    nearest_offer(userdata, name);
}

Hint hint_find(const Context *context, const Options *options, const char *subject)
{
    const char *id = strchr(subject, '@');
    char name[LIMIT_MACHINE_BYTES + 1];
    Nearest machine = {.wanted = name}, nearest = {.wanted = id ? id + 1 : ""};
    Hint hint = {""};

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(subject, "@"), subject);
    hint_names(context, options, NULL, offer_nearest, &machine);
    /* "enable web web@token" */
    if (id && strncmp(subject, id + 1, (size_t)(id + 1 - subject)) == 0)
        nearest.wanted = id + 1 + (id + 1 - subject);
    /* the id is only mistyped if the machine is not */
    if (id && machine.name[0] && machine.distance == 0)
        hint_names(context, options, name, offer_nearest, &nearest);
    if (nearest.name[0] && strcmp(nearest.name, id + 1) != 0)
        snprintf(hint.text, sizeof(hint.text), HINT "%s@%s?", name, nearest.name);
    else if (machine.name[0] && machine.distance > 0)
        snprintf(hint.text, sizeof(hint.text), HINT "%s%s?", machine.name, id ? id : "");
    return hint;
}

int hint_error(const Context *context, const Options *options, int rc, const char *subject,
               const Reason *reason)
{
    Hint hint = {""};
    Reason question;

    if (rc == OUTCOME_NOT_FOUND)
        hint = hint_find(context, options, subject);
    if (!hint.text[0])
        return output_error(rc, subject, reason);
    if (strchr(subject, '@'))
        reason_set(&question, 0, "%s", hint.text + strlen("; "));
    else
        reason_set(&question, 0, "%.200s%s", reason->text, hint.text);
    return output_error(rc, subject, &question);
}
