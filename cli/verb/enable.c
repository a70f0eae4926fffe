/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds enable: delivers credentials to a machine, when it starts or live.
 *
 *     find() ──► enable_policy_write() ──► take_effect()
 *     which      the machine's policy      daemon-reload, so that nspawn-creds-generator(8) writes
 *                                          the drop-in; and the broker's sockets are enabled
 *
 * Steps that are already done are skipped.
 */

#include "verb/enable.h"
#include "base/json.h"
#include "manager/live_mount.h"
#include "manager/manager.h"
#include "policy/policy_file.h"
#include "store/store_installed.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/broker_units.h"

#include <errno.h>
#include <string.h>

/* The options that say how to deliver. */
#define DELIVERY_OPTIONS (OPTION_DELIVERY | OPTION_SERVICE | OPTION_ON_CHANGE)

static void enabling_done(Enabling *enabling)
{
    policy_unref(enabling->policy);
    free(enabling->credentials);
}

/* --- which --- */

static int add_name(Enabling *enabling, const char *id, Reason *reason)
{
    CredentialName name;
    int r = credential_name_new(enabling->machine, id, reason, &name);

    if (r != 0)
        return r;
    if (!policy_id_valid(id))
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "a policy cannot contain \"%.80s\": ids consist of letters, digits and "
                          "-_.+@,=~",
                          id);
    for (size_t i = 0; i < enabling->count; i++)
        if (strcmp(enabling->credentials[i].name.id, id) == 0)
            return 0;
    enabling->credentials[enabling->count++].name = name;
    return 0;
}

static int add_named(Enabling *enabling, char **ids, const Store *store, Reason *reason)
{
    size_t count = 0;
    int r = 0;

    while (ids[count])
        count++;
    enabling->named = true;
    enabling->credentials = calloc(count, sizeof(enabling->credentials[0]));
    if (!enabling->credentials)
        return -ENOMEM;
    for (; r == 0 && *ids; ids++)
        r = add_name(enabling, *ids, reason);
    for (size_t i = 0; r == 0 && i < enabling->count; i++) {
        const CredentialName *name = &enabling->credentials[i].name;
        _cleanup_(bytes_done) Bytes file = {0};

        if (!enable_policy_find(enabling, name->id) &&
            (!store || store_read(store, name, NULL, &file) == OUTCOME_NOT_FOUND))
            output_note("%s@%s has no value in the store yet. Give it one: nspawn-creds set %s@%s",
                        name->machine, name->id, name->machine, name->id);
    }
    return r;
}

static int add_stored(Enabling *enabling, const Store *store, Reason *reason)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;
    int r = store_list(store, enabling->machine, reason, &entries, &count);

    if (r != 0)
        return r;
    if (count == 0 && !enabling->policy)
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "the store holds no credentials of machine \"%s\", and no ID was given",
                          enabling->machine);
    enabling->credentials = calloc(count + 1, sizeof(enabling->credentials[0]));
    if (!enabling->credentials)
        return -ENOMEM;
    /* the most recent one comes first */
    for (size_t i = count; r == 0 && i-- > 0;)
        r = add_name(enabling, entries[i].name.id, reason);
    return r;
}

/* --- the units --- */

/* Whether the machine's unit asks for the enabled credentials, and the machine, which runs, has to
 * restart for them: live delivery only needs the mount in the container. */
static void look_at_unit(Enabling *enabling, Manager *manager)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    bool known = manager_service(manager, enabling->unit, NULL, &service) == 0, bound = false;
    ManagerUnit state;

    enabling->runs = manager_unit(manager, enabling->unit, NULL, &state) == 0 &&
                     strcmp(state.active, "active") == 0;
    enabling->restart = enabling->runs &&
                        (manager_live_is_bound(manager, enabling->machine, &bound) != 0 || !bound);
    enabling->in_effect = known;
    for (size_t i = 0; i < enabling->count; i++) {
        const PolicyCredential *credential =
            enable_policy_find(enabling, enabling->credentials[i].name.id);

        if (!credential || credential->delivery != POLICY_LIVE)
            enabling->restart = enabling->runs;
        if (!credential || !known || !manager_service_asks(&service, enabling->machine, credential))
            enabling->in_effect = false;
    }
}

static int take_effect(Enabling *enabling, Reason *reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r = manager_new(&terminal_observer, reason, &manager);

    if (r == 0)
        r = manager_reload(manager, reason);
    for (size_t i = 0; r == 0 && i < BROKER_SOCKETS; i++) {
        observer_wait_begin(&terminal_observer, broker_sockets[i]);
        r = manager_enable_socket(manager, broker_sockets[i], BROKER_UNIT, reason,
                                  &enabling->sockets_enabled[i]);
        observer_wait_end(&terminal_observer);
    }
    if (r == 0)
        look_at_unit(enabling, manager);
    return r;
}

/* --- words --- */

/* "Added to PATH: password, token." */
static void say_results(const Enabling *enabling, PolicyEditResult result, const char *words)
{
    const char *separator = "";

    if (enable_policy_count(enabling, result) == 0)
        return;
    printf("%s %s: ", words, enabling->path);
    for (size_t i = 0; i < enabling->count; i++)
        if (enabling->credentials[i].result == result) {
            printf("%s%s", separator, enabling->credentials[i].name.id);
            separator = ", ";
        }
    printf(".\n");
}

static void report_policy(const Enabling *enabling)
{
    say_results(enabling, POLICY_EDIT_ADDED, "Added to");
    say_results(enabling, POLICY_EDIT_CHANGED, "Changed in");
    if (!enabling->written)
        printf("Nothing to change: %s's policy already lists them.\n", enabling->machine);
    for (size_t i = 0; i < enabling->count; i++) {
        const Enabled *enabled = &enabling->credentials[i];
        const PolicyCredential *credential = enable_policy_find(enabling, enabled->name.id);

        if (enabled->result != POLICY_EDIT_KEPT && credential &&
            credential->delivery == POLICY_LIVE)
            printf("In the container, %s%s needs: LoadCredential=%s:" LIVE_MOUNT_INSIDE
                       LIVE_MOUNT_SOCKET "\n",
                   credential->service_count > 0 ? credential->services[0] : "a service",
                   credential->service_count > 1 ? " and the others" : "", credential->id);
    }
    if (!enabling->named && enabling->options->given & DELIVERY_OPTIONS &&
        enable_policy_count(enabling, POLICY_EDIT_KEPT) > 0)
        output_note("Existing entries were not changed. To change how one is delivered, name it: "
                    "nspawn-creds enable %s ID...",
                    enabling->machine);
}

static void report_next(const Enabling *enabling)
{
    const char *machine = enabling->machine;

    for (size_t i = 0; i < BROKER_SOCKETS; i++)
        if (enabling->sockets_enabled[i])
            printf("Enabled %s.\n", broker_sockets[i]);
    if (!enabling->in_effect)
        output_note("%s does not ask for them yet. To find out why: nspawn-creds doctor %s",
                    enabling->unit, machine);
    else if (enabling->restart)
        printf("%s is running, and will receive them when it restarts: systemctl restart %s\n",
               machine, enabling->unit);
    else if (enabling->runs)
        printf("%s is running, and its services will receive them when they start next.\n",
               machine);
    else
        printf("%s will receive them at its next start: machinectl start %s\n", machine, machine);
}

/* --- JSON --- */

static struct json_object *credential_to_json(const Enabling *enabling, const Enabled *enabled)
{
    static const char *const results[] = {[POLICY_EDIT_KEPT] = "kept",
                                          [POLICY_EDIT_ADDED] = "added",
                                          [POLICY_EDIT_CHANGED] = "changed"};
    const PolicyCredential *credential = enable_policy_find(enabling, enabled->name.id);
    struct json_object *object = json_object_new_object(), *services = json_object_new_array();

    json_add_text(object, "id", enabled->name.id);
    json_add_text(object, "result", results[enabled->result]);
    for (size_t i = 0; credential && i < credential->service_count; i++)
        json_object_array_add(services, json_object_new_string(credential->services[i]));
    if (credential) {
        json_add_text(object, "delivery", policy_delivery_name(credential->delivery));
        json_add_text(object, "onChange", policy_change_name(credential->on_change));
    }
    json_add(object, "services", services);
    return object;
}

static int print_json(const Enabling *enabling)
{
    struct json_object *object = json_object_new_object(), *credentials = json_object_new_array(),
                       *sockets = json_object_new_array();

    for (size_t i = 0; i < enabling->count; i++)
        json_object_array_add(credentials, credential_to_json(enabling, &enabling->credentials[i]));
    for (size_t i = 0; i < BROKER_SOCKETS; i++)
        if (enabling->sockets_enabled[i])
            json_object_array_add(sockets, json_object_new_string(broker_sockets[i]));
    json_add_text(object, "machine", enabling->machine);
    json_object_object_add(object, "file",
                           enabling->written ? json_object_new_string(enabling->path) : NULL);
    json_add(object, "credentials", credentials);
    json_add(object, "enabledSockets", sockets);
    json_add(object, "inEffect", json_object_new_boolean(enabling->in_effect));
    json_add(object, "restartNeeded", json_object_new_boolean(enabling->restart));
    return output_json(object, enabling->options->json);
}

/* --- all --- */

/* Reads the policy, and finds out what to enable. */
static int find(Enabling *enabling, char **ids, Reason *reason)
{
    _cleanup_(store_freep) Store *store = NULL;
    int r = machine_name_check(enabling->machine, reason);

    if (r != 0)
        return r;
    snprintf(enabling->unit, sizeof(enabling->unit), "systemd-nspawn@%s.service",
             enabling->machine);
    r = enable_policy_load(enabling, reason);
    if (r == 0)
        r = store_open_installed(enabling->options->host->store, reason, &store);
    if (r == -ENOENT && *ids)
        r = 0; /* there is no store yet */
    if (r != 0)
        return r;
    return *ids ? add_named(enabling, ids, store, reason) : add_stored(enabling, store, reason);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(enabling_done) Enabling enabling = {
        .context = context, .options = options, .machine = arguments[0]};
    bool json = options->json != JSON_OFF;
    Reason reason = {0};
    int r = find(&enabling, arguments + 1, &reason);

    if (r == 0)
        r = enable_policy_write(&enabling, &reason);
    if (r == 0 && !json)
        report_policy(&enabling);
    if (r == 0)
        r = take_effect(&enabling, &reason);
    if (r == 0 && !json)
        report_next(&enabling);
    /* say what was done even if a later step failed */
    if (json && (r == 0 || enabling.written)) {
        int printed = print_json(&enabling);

        r = r == 0 ? printed : r;
    }
    return r == 0 ? 0 : output_error(r, enabling.machine, &reason);
}

const Verb verb_enable = {
    .name = "enable",
    .arguments = "MACHINE [ID...]",
    .summary = "Deliver credentials to a machine, at its start or live",
    .details = "Adds the given credentials, or all that the store holds for MACHINE, to "
               "its policy,\n/etc/nspawn-creds/MACHINE.json, and reloads the service "
               "manager. Entries that the policy already\nhas are kept; for the given "
               "credentials the options change how they are delivered. Also enables\nthe "
               "broker's sockets. You can run it again at any time.",
    .options = OPTION_DELIVERY | OPTION_SERVICE | OPTION_ON_CHANGE | OPTION_JSON | OPTION_NO_ASK,
    .run = run,
};
