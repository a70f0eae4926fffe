/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "verb/stored.h"

#include "base/json.h"
#include "manager/manager.h"
#include "policy/policy_load.h"
#include "policy/policy_status.h"
#include "specs.h"
#include "terminal/output.h"
#include "unit_size.h"

#include <string.h>

bool stored_note_size(const Options *options, const Policy *policy)
{
    _cleanup_(store_freep) Store *store = NULL;
    Reason reason = {0};

    (void)spec_look_store(options, &store);
    if (unit_size_check(store, policy, &reason) == 0)
        return false;
    output_note("%s does not start: %s. Deliver large ones live: nspawn-creds enable %s ID --live",
                policy->machine, reason.text, policy->machine);
    return true;
}

/* Whether the unit of MACHINE, whose name is in UNIT then, asks for CREDENTIAL; UNKNOWN if that
 * cannot be found out. */
static bool unit_asks(const char *machine, const PolicyCredential *credential, bool unknown,
                      char unit[MANAGER_UNIT_BYTES])
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    _cleanup_(manager_service_done) ManagerService service = {0};
    ManagerUnit state;

    if (manager_new(NULL, NULL, &manager) != 0 ||
        manager_find_unit(manager, machine, NULL, unit, &state, &service) != 0)
        return unknown;
    return manager_service_asks(&service, machine, credential);
}

/* Notes what keeps NAME, which its policy lists, from being delivered. Returns whether something
 * does. */
static bool note_obstacle(const Context *context, const Options *options,
                          const CredentialName *name)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential = NULL;
    char unit[MANAGER_UNIT_BYTES];
    PolicyFault fault;

    if (options->store && strcmp(options->store, options->host->store) != 0) {
        output_note("%s does not receive it: the broker's store is %s.", name->machine,
                    options->host->store);
        return true;
    }
    if (policy_load(context, name->machine, &fault, &policy) == 0)
        credential = policy_find(policy, name->id);
    if (!credential)
        return false; /* changed meanwhile */
    if (!unit_asks(name->machine, credential, true, unit)) {
        output_note("%s's policy lists it, but %s does not ask for it. To find out why: "
                    "nspawn-creds doctor %s",
                    name->machine, unit, name->machine);
        return true;
    }
    return credential->delivery != POLICY_LIVE && stored_note_size(options, policy);
}

int stored_note_use(const Context *context, const Options *options, const CredentialName *name)
{
    PolicyCredential by_hand = {.delivery = POLICY_BOOT};
    char unit[MANAGER_UNIT_BYTES];
    PolicyStatus status;
    Reason advice;
    int r = policy_status_find(context, name, &status);

    if (r != 0)
        return r;
    snprintf(by_hand.id, sizeof(by_hand.id), "%.*s", (int)sizeof(by_hand.id) - 1, name->id);
    if (status.kind == POLICY_STATUS_NO_POLICY && unit_asks(name->machine, &by_hand, false, unit))
        status = (PolicyStatus){.kind = POLICY_STATUS_USED, .delivery = POLICY_BOOT};
    if (status.kind == POLICY_STATUS_USED && note_obstacle(context, options, name))
        return 0;
    policy_status_advise(&status, name, &advice);
    output_note("%s", advice.text);
    return 0;
}

int stored_report(const Context *context, const Options *options, const CredentialName *name,
                  bool replaced, BytesView public, Reason *reason)
{
    PolicyStatus status;
    int r = policy_status_find(context, name, &status);

    if (r == 0 && options->json != JSON_OFF) {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "machine", name->machine);
        json_add_text(object, "credential", name->id);
        json_add(object, "replaced", json_object_new_boolean(replaced));
        json_add_text(object, "policy", policy_status_word(&status));
        json_add_view(object, "public", public);
        output_json(object, options->json);
    } else if (r == 0 && public.size > 0)
        r = output_sealed(NULL, public, reason);
    return r == 0 ? stored_note_use(context, options, name) : r;
}
