/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words and JSON about what is enabled. See enable_report.h.
 */

#include "verb/enable_report.h"

#include "base/json.h"
#include "manager/live_mount.h"
#include "policy/policy_file.h"
#include "terminal/output.h"

/* What says how something is delivered. */
#define DELIVERY_OPTIONS (OPTION_DELIVERY | OPTION_SERVICE | OPTION_ON_CHANGE)

const PolicyCredential *enabling_in_policy(const Enabling *enabling, const char *id)
{
    return enabling->policy ? policy_find(enabling->policy, id) : NULL;
}

size_t enabling_count(const Enabling *enabling, PolicyEditResult result)
{
    size_t count = 0;

    for (size_t i = 0; i < enabling->count; i++)
        count += enabling->credentials[i].result == result;
    return count;
}

/* --- words --- */

/* "Added to PATH: password, token." */
static void say_results(const Enabling *enabling, PolicyEditResult result, const char *words)
{
    const char *separator = "";

    if (enabling_count(enabling, result) == 0)
        return;
    printf("%s %s: ", words, enabling->path);
    for (size_t i = 0; i < enabling->count; i++)
        if (enabling->credentials[i].result == result) {
            printf("%s%s", separator, enabling->credentials[i].name.id);
            separator = ", ";
        }
    printf(".\n");
}

/* What the units in the container have to say. */
static void say_live(const Enabling *enabling)
{
    for (size_t i = 0; i < enabling->count; i++) {
        const Enabled *enabled = &enabling->credentials[i];
        const PolicyCredential *credential = enabling_in_policy(enabling, enabled->name.id);

        if (enabled->result == POLICY_EDIT_KEPT || !credential ||
            credential->delivery != POLICY_LIVE)
            continue;
        printf("For it, %s%s in the container says: LoadCredential=%s:" LIVE_MOUNT_INSIDE
                   LIVE_MOUNT_SOCKET "\n",
               credential->service_count > 0 ? credential->services[0] : "a service",
               credential->service_count > 1 ? " and the others" : "", credential->id);
    }
}

void enable_report_policy(const Enabling *enabling)
{
    say_results(enabling, POLICY_EDIT_ADDED, "Added to");
    say_results(enabling, POLICY_EDIT_CHANGED, "Changed in");
    if (!enabling->written)
        printf("The policy of %s has them already.\n", enabling->machine);
    say_live(enabling);
    if (!enabling->named && enabling->options->given & DELIVERY_OPTIONS &&
        enabling_count(enabling, POLICY_EDIT_KEPT) > 0)
        output_note("What the policy has already stays as it is. To change how it is delivered, "
                    "name it: nspawn-creds enable %s ID...",
                    enabling->machine);
}

void enable_report_next(const Enabling *enabling)
{
    const char *machine = enabling->machine;

    for (size_t i = 0; i < ENABLING_SOCKETS; i++)
        if (enabling->sockets_enabled[i])
            printf("Enabled %s.\n", enabling_sockets[i]);
    if (!enabling->in_effect)
        output_note("%s does not ask for them yet. Why: nspawn-creds doctor %s", enabling->unit,
                    machine);
    else if (enabling->restart)
        printf("%s runs, and has them when it is started again: systemctl restart %s\n", machine,
               enabling->unit);
    else if (enabling->runs)
        printf("%s runs, and its services have them when they are started next.\n", machine);
    else
        printf("Its next start has them: machinectl start %s\n", machine);
}

/* --- JSON --- */

static struct json_object *credential_to_json(const Enabling *enabling, const Enabled *enabled)
{
    static const char *const results[] = {[POLICY_EDIT_KEPT] = "kept",
                                          [POLICY_EDIT_ADDED] = "added",
                                          [POLICY_EDIT_CHANGED] = "changed"};
    const PolicyCredential *credential = enabling_in_policy(enabling, enabled->name.id);
    struct json_object *object = json_object_new_object(), *services = json_object_new_array();

    json_add(object, "id", json_object_new_string(enabled->name.id));
    json_add(object, "result", json_object_new_string(results[enabled->result]));
    for (size_t i = 0; credential && i < credential->service_count; i++)
        json_object_array_add(services, json_object_new_string(credential->services[i]));
    if (credential) {
        json_add(object, "delivery",
                 json_object_new_string(policy_delivery_name(credential->delivery)));
        json_add(object, "onChange",
                 json_object_new_string(policy_change_name(credential->on_change)));
    }
    json_add(object, "services", services);
    return object;
}

int enable_report_json(const Enabling *enabling)
{
    struct json_object *object = json_object_new_object(), *credentials = json_object_new_array(),
                       *sockets = json_object_new_array();

    for (size_t i = 0; i < enabling->count; i++)
        json_object_array_add(credentials, credential_to_json(enabling, &enabling->credentials[i]));
    for (size_t i = 0; i < ENABLING_SOCKETS; i++)
        if (enabling->sockets_enabled[i])
            json_object_array_add(sockets, json_object_new_string(enabling_sockets[i]));
    json_add(object, "machine", json_object_new_string(enabling->machine));
    json_object_object_add(object, "file",
                           enabling->written ? json_object_new_string(enabling->path) : NULL);
    json_add(object, "credentials", credentials);
    json_add(object, "enabledSockets", sockets);
    json_add(object, "inEffect", json_object_new_boolean(enabling->in_effect));
    json_add(object, "restartNeeded", json_object_new_boolean(enabling->restart));
    return output_json(object, enabling->options->json);
}
