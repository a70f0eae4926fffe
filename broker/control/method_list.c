/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * List and Describe: machines' credentials, as far as they can be read without keys. See method.h.
 *
 * A machine with a policy has the credentials that the policy lists, whether they are in the store
 * or not; a machine without one has those in the store. Credentials that are in the store but not
 * in the policy are listed, too, with the reason for which the broker would refuse them.
 */

#include "control/method.h"
#include "credential/open.h"
#include "fleet/fleet_set.h"
#include "policy/policy_load.h"
#include "request/external_file.h"
#include "request/resolution.h"
#include "store/history.h"

#include <errno.h>
#include <string.h>

/* A machine's policy and its entries in the store. */
typedef struct Inventory {
    HostResources *resources;
    const char *machine;
    Policy *policy; /* NULL if it has none, or a bad one */
    int rc;         /* 0, or OUTCOME_BAD_POLICY */
    Reason bad_policy;
    StoreEntry *entries;
    size_t count;
} Inventory;

static void inventory_done(Inventory *inventory)
{
    policy_unref(inventory->policy);
    free(inventory->entries);
}

static int inventory_load(Inventory *inventory, Reason *reason)
{
    PolicyFault fault = {0};
    const Store *store;
    int r = host_resources_store(inventory->resources, reason, &store);

    if (r == 0)
        r = store_list(store, inventory->machine, reason, &inventory->entries, &inventory->count);
    if (r != 0)
        return r;
    r = policy_cache_get(inventory->resources->policies, inventory->machine, &fault,
                         &inventory->policy);
    if (r == OUTCOME_BAD_POLICY)
        inventory->rc = policy_fault_reason(&fault, r, &inventory->bad_policy);
    return r == OUTCOME_NOT_FOUND || r == OUTCOME_BAD_POLICY ? 0 : r;
}

static const StoreEntry *find_entry(const Inventory *inventory, const char *id)
{
    for (size_t i = 0; inventory->entries && i < inventory->count; i++)
        if (strcmp(inventory->entries[i].name.id, id) == 0)
            return &inventory->entries[i];
    return NULL;
}

/* --- one credential --- */

/* Whether FILE may be delivered, as far as can be seen without a key. Both results are also set for
 * OUTCOME_KEY_TYPE. */
static int unpack(BytesView file, const PolicyCredential *credential, Reason *reason,
                  Bytes *ret_sealed, CredentialSections *ret)
{
    int r = credential_unpack(file, reason, ret_sealed, ret);

    if (r == 0)
        r = credential_openable(ret, reason);
    return r == 0 ? kind_check_type(ret->kind, credential ? credential->key_type : NULL, reason)
                  : r;
}

/* Adds what FILE reveals without a key. */
static int add_sections(BytesView file, const PolicyCredential *credential, Reason *reason,
                        struct json_object *object)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialSections sections;
    TpmKeyLabel key;
    int r = unpack(file, credential, reason, &sealed, &sections);

    if (r != 0 && r != OUTCOME_KEY_TYPE)
        return r;
    json_add_text(object, "kind", sections.kind->name);
    json_add_number(object, "size", sealed.size);
    if (kind_has(sections.kind, KIND_PUBLIC_KEY))
        json_add(object, "signedPcrs", tpm_pcr_mask_to_json(sections.tpm.public_key_mask));
    if (kind_has(sections.kind, KIND_TPM)) {
        key = tpm_key_label(&sections.tpm);
        json_add_text(object, "key", key.fingerprint);
        json_add(object, "sealedOutside", json_object_new_boolean(key.outside));
        json_add(object, "pcrs", tpm_pcr_mask_to_json(sections.tpm.pcr_mask));
    }
    return r;
}

/* Adds whether NAME, whose OBJECT has the rest, has a predecessor, as only what is bound to PCRs
 * may have. */
static void add_predecessor(const Inventory *inventory, const CredentialName *name,
                            struct json_object *object)
{
    _cleanup_(bytes_done) Bytes file = {0};
    const Store *store;

    json_add_flag(object, "predecessor",
                  json_length(json_object_object_get(object, "pcrs")) > 0 &&
                      host_resources_store(inventory->resources, NULL, &store) == 0 &&
                      store_read_predecessor(store, name, NULL, NULL, &file) == 0);
}

/* Reads the sealed file that NAME is made of; RET stays empty if it is made of none. RET_ORIGIN is
 * set for what a fleet has sealed. */
static int read_file(const Inventory *inventory, const CredentialName *name,
                     const PolicyCredential *credential, Reason *reason, FleetOrigin *ret_origin,
                     Bytes *ret)
{
    PolicySource source = credential ? credential->source : POLICY_STORE;
    int r;

    if (source == POLICY_FLEET) {
        r = fleet_read(inventory->resources->config->store_path, credential->text, name,
                       &inventory->resources->fleet, reason, ret);
        if (r == 0)
            *ret_origin = fleet_set_origin(&inventory->resources->fleet);
        return r;
    }
    if (source == POLICY_SEALED)
        return external_file_read_sealed(credential->text, reason, ret);
    if (source == POLICY_FILE)
        return external_file_check_plain(credential->text,
                                         inventory->resources->config->trusted_uid, reason);
    if (source != POLICY_STORE && source != POLICY_GENERATE)
        return 0;
    r = host_resources_read(inventory->resources, name, reason, ret);
    if (r == OUTCOME_NOT_FOUND && source == POLICY_GENERATE)
        return 0; /* it will be generated when it is requested */
    return r == OUTCOME_NOT_FOUND ? reason_set(reason, r, "the store does not have it") : r;
}

/* Looks at what NAME, a share or a template, is made of. */
static int check_ingredients(const Inventory *inventory, const CredentialName *name,
                             const PolicyCredential *credential, Reason *reason)
{
    _cleanup_(resolution_done) Resolution resolution = {0};
    const Purpose purpose = decision_purpose(credential);
    int r = resolve(inventory->resources->policies, name, &purpose, reason, &resolution);

    for (size_t i = 0; r == 0 && i < resolution.count; i++) {
        const Ingredient *ingredient = &resolution.ingredients[i];
        _cleanup_(bytes_done) Bytes file = {0}, sealed = {0};
        CredentialSections sections;
        FleetOrigin origin;
        Reason why = {0};

        r = read_file(inventory, &ingredient->name, ingredient->credential, &why, &origin, &file);
        if (r == 0 && file.size > 0)
            r = unpack(bytes_view(&file), ingredient->credential, &why, &sealed, &sections);
        if (r != 0)
            reason_set(reason, 0, "%s@%s: %s", ingredient->name.machine, ingredient->name.id,
                       why.text);
    }
    return r;
}

/* Adds the sealed file that would be delivered, if there is one. */
static int add_file(const Inventory *inventory, const char *id, const PolicyCredential *credential,
                    Reason *reason, struct json_object *object)
{
    PolicySource source = credential ? credential->source : POLICY_STORE;
    _cleanup_(bytes_done) Bytes file = {0};
    FleetOrigin origin = {0};
    CredentialName name;
    int r = credential_name_new(inventory->machine, id, reason, &name);

    if (r == 0 && (source == POLICY_SHARE || source == POLICY_TEMPLATE))
        return check_ingredients(inventory, &name, credential, reason);
    if (source == POLICY_FLEET)
        json_add_text(object, "fleet", credential->text);
    if (r == 0)
        r = read_file(inventory, &name, credential, reason, &origin, &file);
    if (r == 0 && source == POLICY_FLEET)
        json_add_number(object, "sequence", origin.sequence);
    if (r == 0 && file.size > 0)
        r = add_sections(bytes_view(&file), credential, reason, object);
    if (r == 0 && (source == POLICY_STORE || source == POLICY_GENERATE))
        add_predecessor(inventory, &name, object);
    if (r == 0 && source == POLICY_FLEET)
        json_add_flag(object, "predecessor",
                      value_changes_find(&inventory->resources->fleet.pending, &name) != NULL);
    return r;
}

static void add_policy(const PolicyCredential *credential, struct json_object *object)
{
    json_add(object, "services", json_texts(credential->services));
    json_add_text(object, "source", policy_source_names[credential->source]);
    json_add_text(object, "delivery", policy_delivery_names[credential->delivery]);
    json_add_text(object, "onChange", policy_change_names[credential->on_change]);
    json_add_text(object, "keyType", credential->key_type);
}

static void add_state(const Inventory *inventory, const char *id,
                      const PolicyCredential *credential, struct json_object *object)
{
    Reason reason = {0};
    int r = add_file(inventory, id, credential, &reason, object);

    if (inventory->rc != 0) {
        r = inventory->rc;
        reason = inventory->bad_policy;
    } else if (inventory->policy && !credential) {
        r = reason_set(&reason, OUTCOME_NOT_IN_POLICY, "the policy of %s does not have it",
                       inventory->machine);
    }
    if (r == 0)
        return;
    json_add_text(object, "problem", outcome_name(r));
    json_add_text(object, "reason", outcome_reason(r, &reason));
}

/* ENTRY is ID in the store, CREDENTIAL in the policy; one of them may be NULL. */
static struct json_object *describe(const Inventory *inventory, const char *id,
                                    const StoreEntry *entry, const PolicyCredential *credential)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "machine", inventory->machine);
    json_add_text(object, "credential", id);
    if (entry)
        json_add_number(object, "writtenUSec",
                        (uint64_t)entry->written[0] * 1000000 + (uint64_t)entry->written[1] / 1000);
    if (credential)
        add_policy(credential, object);
    add_state(inventory, id, credential, object);
    return object;
}

int method_describe(MethodCall *call)
{
    _cleanup_(inventory_done) Inventory inventory = {.resources = call->resources};
    const PolicyCredential *credential;
    const StoreEntry *entry;
    CredentialName name;
    int r = credential_name_new(varlink_text(call->parameters, "machine"),
                                varlink_text(call->parameters, "credential"), &call->reason, &name);

    if (r != 0)
        return r;
    inventory.machine = name.machine;
    r = inventory_load(&inventory, &call->reason);
    if (r != 0)
        return r;
    entry = find_entry(&inventory, name.id);
    credential = inventory.policy ? policy_find(inventory.policy, name.id) : NULL;
    if (!entry && !credential)
        return reason_set(&call->reason, OUTCOME_NOT_FOUND,
                          "neither the store nor a policy has %s of %s", name.id, name.machine);
    json_add(call->reply, "credential", describe(&inventory, name.id, entry, credential));
    return 0;
}

/* --- all of them --- */

/* When a reply has this size, the next one begins. One credential may double it. */
#define REPLY_BYTES ((size_t)32 * 1024)

/* The reply that is being made. */
typedef struct List {
    MethodCall *call;
    struct json_object *credentials, *failures;
    size_t size;
} List;

/* Moves what was collected into REPLY. */
static void fill_reply(List *list, struct json_object *reply)
{
    json_add(reply, "credentials", list->credentials);
    if (json_length(list->failures) > 0)
        json_add(reply, "failures", list->failures);
    else
        json_object_put(list->failures);
}

/* Adds DESCRIBED (taken) to one of the reply's lists, after sending a reply that is full. */
static int append(List *list, bool failure, struct json_object *described)
{
    size_t size = 0;
    int r = 0;

    json_object_to_json_string_length(described, JSON_C_TO_STRING_PLAIN, &size);
    if (list->size > 0 && list->size + size > REPLY_BYTES) {
        struct json_object *reply = json_object_new_object();

        fill_reply(list, reply);
        *list = (List){list->call, json_object_new_array(), json_object_new_array(), 0};
        r = method_send(list->call, varlink_reply_new(reply, true), false);
    }
    json_append(failure ? list->failures : list->credentials, described);
    list->size += size;
    return r;
}

/* MACHINE is NULL for a directory of policies, which REASON names. */
static int append_failure(List *list, const char *machine, int rc, const Reason *reason)
{
    struct json_object *failure = json_object_new_object();

    json_add_text(failure, "machine", machine);
    json_add_text(failure, "outcome", outcome_name(rc));
    json_add_text(failure, "reason", outcome_reason(rc, reason));
    return append(list, true, failure);
}

/* First the credentials in the store, most recent first; then those that only the policy lists. If
 * the policy is invalid, nobody knows what it lists. */
static int add_machine(List *list, const Inventory *inventory)
{
    const Policy *policy = inventory->policy;
    int r = 0;

    if (inventory->rc != 0 && inventory->count == 0)
        return append_failure(list, inventory->machine, inventory->rc, &inventory->bad_policy);
    for (size_t i = 0; r == 0 && i < inventory->count; i++) {
        const StoreEntry *entry = &inventory->entries[i];
        const char *id = entry->name.id;

        r = append(list, false,
                   describe(inventory, id, entry, policy ? policy_find(policy, id) : NULL));
    }
    for (size_t i = 0; r == 0 && policy && i < policy->count; i++) {
        const char *id = policy->credentials[i].id;

        if (!find_entry(inventory, id))
            r = append(list, false, describe(inventory, id, NULL, &policy->credentials[i]));
    }
    return r;
}

/* One of which something cannot be read does not keep the others from being listed. */
static int add_any_machine(List *list, const char *machine)
{
    _cleanup_(inventory_done) Inventory inventory = {.resources = list->call->resources,
                                                     .machine = machine};
    Reason reason = {0};
    int r = inventory_load(&inventory, &reason);

    if (r == -ENOMEM)
        return r;
    return r == 0 ? add_machine(list, &inventory) : append_failure(list, machine, r, &reason);
}

/* Merges the machines of the store and those with policies; both lists are sorted by name. */
static int add_machines(List *list, char **stored, char **with_policy)
{
    int r = 0;

    while (r == 0 && (*stored || *with_policy)) {
        int order = !*stored ? 1 : !*with_policy ? -1 : strcmp(*stored, *with_policy);
        const char *name = order <= 0 ? *stored : *with_policy;

        if (machine_name_valid(name))
            r = add_any_machine(list, name);
        stored += order <= 0;
        with_policy += order >= 0;
    }
    return r;
}

/* Adds the credentials of the store and of all policies. */
static int add_all(List *list)
{
    _cleanup_(strings_freep) char **with_policy = NULL, **stored = NULL;
    MethodCall *call = list->call;
    PolicyFault fault = {0};
    Reason missing = {0};
    const Store *store;
    int r = host_resources_store(call->resources, &call->reason, &store);

    if (r == 0)
        r = store_machines(store, &call->reason, &stored);
    if (r == 0)
        r = policy_machines(call->resources->config->context, &fault, NULL, &with_policy);
    if (r == 0 && fault.file[0])
        r = append_failure(list, NULL, policy_fault_reason(&fault, OUTCOME_BAD_POLICY, &missing),
                           &missing);
    return r == 0 ? add_machines(list, stored, with_policy) : r;
}

int method_list(MethodCall *call)
{
    const char *machine = varlink_text(call->parameters, "machine");
    _cleanup_(inventory_done) Inventory inventory = {.resources = call->resources,
                                                     .machine = machine};
    List list = {call, json_object_new_array(), json_object_new_array(), 0};
    int r = machine ? inventory_load(&inventory, &call->reason) : add_all(&list);

    if (r == 0 && machine)
        r = add_machine(&list, &inventory);
    fill_reply(&list, call->reply);
    return r;
}
