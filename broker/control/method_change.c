/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Store, Remove, Rotate and Reseal, which change the store. See method.h.
 *
 * The caller has sealed the credentials with the TPM, so that the broker need not use it. Whether
 * they open is not checked here but at their first request.
 */

#include "base/digest.h"
#include "control/method_internal.h"
#include "credential/open.h"
#include "policy/effect.h"
#include "policy/policy_file.h"
#include "policy/policy_load.h"
#include "request/commit_parameters.h"
#include "store/store.h"

#include <errno.h>
#include <string.h>

static BytesView text_view(const char *text)
{
    return (BytesView){(const uint8_t *)text, text ? strlen(text) : 0};
}

int method_store(const ControlEnvironment *environment, struct json_object *parameters,
                 Reason *reason, struct json_object **ret)
{
    BytesView file = text_view(varlink_text(parameters, "sealed"));
    char key[TPM_FINGERPRINT_BYTES];
    CredentialName name;
    int r = method_name(parameters, reason, &name);

    if (r == 0)
        r = commit_check_sealed(file, reason, key);
    if (r == 0)
        r = host_resources_write(environment->resources, &name, file,
                                 varlink_flag(parameters, "replace"), reason);
    if (r != 0)
        return r;
    method_note(environment, AUDIT_STORED, &name, key);
    *ret = NULL;
    return 0;
}

int method_remove(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret)
{
    CredentialName name;
    int r = method_name(parameters, reason, &name);

    if (r == 0)
        r = host_resources_remove(environment->resources, &name, reason);
    if (r != 0)
        return r;
    method_note(environment, AUDIT_REMOVED, &name, "");
    *ret = NULL;
    return 0;
}

/* --- consequences of a change --- */

typedef struct Policies {
    Policy **policies;
    size_t count;
} Policies;

static void policies_done(Policies *policies)
{
    for (size_t i = 0; i < policies->count; i++)
        policy_unref(policies->policies[i]);
    free(policies->policies);
}

/* Loads all machines' policies. Those with a bad policy are left out, because they get nothing. */
static int load_policies(HostResources *resources, Policies *ret)
{
    _cleanup_(policy_machines_freep) PolicyMachine *machines = NULL;
    size_t count = 0;
    int r = policy_machines(host_resources_context(resources), NULL, &machines);

    if (r != 0)
        return r;
    while (machines[count].name)
        count++;
    ret->policies = calloc(count + 1, sizeof(ret->policies[0]));
    if (!ret->policies)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        r = policy_cache_get(host_resources_policies(resources), machines[i].name, NULL,
                             &ret->policies[ret->count]);
        if (r == -ENOMEM)
            return r;
        if (r == 0)
            ret->count++;
    }
    return 0;
}

static struct json_object *effect_to_json(const PolicyEffect *effect)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    if (!method_add_text(object, "machine", effect->name.machine) ||
        !method_add_text(object, "credential", effect->name.id) ||
        !method_add_text(object, "delivery", policy_delivery_name(effect->delivery)) ||
        (effect->unit && !method_add_text(object, "unit", effect->unit)) ||
        !method_add_text(object, "action", policy_change_name(effect->action)))
        return NULL;
    return TAKE_PTR(object);
}

static int add_changes(HostResources *resources, const CredentialName *name,
                       struct json_object *object)
{
    _cleanup_(policy_effects_done) PolicyEffects effects = {0};
    _cleanup_(policies_done) Policies policies = {0};
    struct json_object *changes = json_object_new_array();
    int r;

    if (!json_add(object, "changes", changes))
        return -ENOMEM;
    r = load_policies(resources, &policies);
    if (r == 0)
        r = policy_effects(policies.policies, policies.count, name, 1, &effects);
    for (size_t i = 0; r == 0 && i < effects.count; i++) {
        struct json_object *change = effect_to_json(&effects.effects[i]);

        if (!change || json_object_array_add(changes, change) != 0)
            r = -ENOMEM;
    }
    return r;
}

/* --- rotating --- */

/* Checks that NAME's value is in the store. RET_FRESH says that it need not exist yet. */
static int check_source(HostResources *resources, const CredentialName *name, Reason *reason,
                        bool *ret_fresh)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential;
    PolicyFault fault = {0};
    int r = policy_cache_get(host_resources_policies(resources), name->machine, &fault, &policy);

    *ret_fresh = false;
    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r == OUTCOME_BAD_POLICY)
        return policy_fault_reason(&fault, r, reason);
    if (r != 0)
        return r;
    credential = policy_find(policy, name->id);
    if (!credential)
        return reason_set(reason, OUTCOME_NOT_IN_POLICY, "the policy of %s does not list \"%s\"",
                          name->machine, name->id);
    *ret_fresh = credential->source == POLICY_GENERATE;
    if (credential->source == POLICY_STORE || credential->source == POLICY_GENERATE)
        return 0;
    return reason_set(reason, OUTCOME_NOT_STORED, "the policy of %s takes \"%s\" from \"%s\"%s%s",
                      name->machine, name->id, policy_source_name(credential->source),
                      credential->source == POLICY_TEMPLATE ? "" : ": ",
                      credential->source == POLICY_TEMPLATE ? "" : credential->text);
}

int method_rotate(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    HostResources *resources = environment->resources;
    StoreRotation rotation = {
        .file = text_view(varlink_text(parameters, "sealed")),
        .public = text_view(varlink_text(parameters, "public")),
        .was = varlink_text(parameters, "was"),
    };
    char key[TPM_FINGERPRINT_BYTES];
    const Store *store;
    int r = method_name(parameters, reason, &rotation.name);

    if (r == 0)
        r = commit_check_sealed(rotation.file, reason, key);
    if (r == 0)
        r = check_source(resources, &rotation.name, reason, &rotation.fresh);
    if (r == 0)
        r = add_changes(resources, &rotation.name, object);
    if (r == 0)
        r = host_resources_store(resources, reason, &store);
    if (r == 0)
        r = store_rotate(store, &rotation, reason);
    if (r != 0)
        return r;
    method_note(environment, AUDIT_ROTATED, &rotation.name, key);
    *ret = TAKE_PTR(object);
    return 0;
}

/* --- resealing --- */

/* The files to be replaced, and their old digests. */
typedef struct Replacement {
    StoreReplacement *changes;
    Bytes *before;
    size_t count;
} Replacement;

static void replacement_done(Replacement *replacement)
{
    for (size_t i = 0; replacement->before && i < replacement->count; i++)
        bytes_done(&replacement->before[i]);
    free(replacement->before);
    free(replacement->changes);
}

static int check_element(struct json_object *element, size_t number, Reason *reason)
{
    static const VarlinkField fields[] = {
        {"credential", json_type_string, false},
        {"sealed", json_type_string, false},
        {"was", json_type_string, false},
        {0},
    };
    const char *wrong = "it";

    if (json_object_is_type(element, json_type_object))
        wrong = varlink_parameters_check(element, fields);
    return wrong ? reason_set(reason, OUTCOME_USAGE, "credentials[%zu]: %.80s is not valid", number,
                              wrong)
                 : 0;
}

/* Adds ELEMENT of MACHINE. */
static int add_replacement(const Store *store, const char *machine, struct json_object *element,
                           Reason *reason, Replacement *replacement)
{
    StoreReplacement *change = &replacement->changes[replacement->count];
    Bytes *before = &replacement->before[replacement->count];
    char key[TPM_FINGERPRINT_BYTES], digest[DIGEST_TEXT_BYTES];
    int r = check_element(element, replacement->count, reason);

    if (r == 0)
        r = credential_name_new(machine, varlink_text(element, "credential"), reason,
                                &change->name);
    if (r != 0)
        return r;
    for (size_t i = 0; i < replacement->count; i++)
        if (strcmp(replacement->changes[i].name.id, change->name.id) == 0)
            return reason_set(reason, OUTCOME_USAGE, "%s is given twice", change->name.id);
    change->after = text_view(varlink_text(element, "sealed"));
    r = commit_check_sealed(change->after, reason, key);
    if (r == 0)
        r = store_read(store, &change->name, reason, before);
    if (r != 0)
        return r;
    replacement->count++;
    change->before = bytes_view(before);
    digest_format(change->before, digest);
    return strcmp(digest, varlink_text(element, "was")) == 0
               ? 0
               : reason_set(reason, OUTCOME_CHANGED, "%s of %s has changed meanwhile",
                            change->name.id, machine);
}

static int read_replacement(const Store *store, const char *machine, struct json_object *elements,
                            Reason *reason, Replacement *replacement)
{
    size_t count = json_object_array_length(elements);
    int r = 0;

    if (count > LIMIT_MACHINE_ENTRIES)
        return reason_set(reason, OUTCOME_TOO_LARGE, "a machine has at most %zu credentials",
                          LIMIT_MACHINE_ENTRIES);
    replacement->changes = calloc(count + 1, sizeof(replacement->changes[0]));
    replacement->before = calloc(count + 1, sizeof(replacement->before[0]));
    if (!replacement->changes || !replacement->before)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_replacement(store, machine, json_object_array_get_idx(elements, i), reason,
                            replacement);
    return r;
}

int method_reseal(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret)
{
    _cleanup_(replacement_done) Replacement replacement = {0};
    const char *machine = varlink_text(parameters, "machine");
    struct json_object *elements = NULL;
    const Store *store;
    int r = host_resources_store(environment->resources, reason, &store);

    if (r == 0 && !machine_name_valid(machine))
        r = reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a machine's name", machine);
    if (r != 0)
        return r;
    json_object_object_get_ex(parameters, "credentials", &elements);
    r = read_replacement(store, machine, elements, reason, &replacement);
    if (r == 0)
        r = store_replace(store, replacement.changes, replacement.count, reason);
    if (r != 0)
        return r;
    for (size_t i = 0; i < replacement.count; i++) {
        char key[TPM_FINGERPRINT_BYTES];

        (void)commit_check_sealed(replacement.changes[i].after, NULL, key);
        method_note(environment, AUDIT_RESEALED, &replacement.changes[i].name, key);
    }
    *ret = NULL;
    return 0;
}
