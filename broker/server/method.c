/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods of the control socket. See method.h.
 */

#include "server/method.h"

#include "credential/open.h"
#include "protocol/interface.h"

#include <errno.h>
#include <string.h>

#define VENDOR "nspawn-creds"
#define URL    "man:nspawn-creds-broker(8)"

/* --- org.varlink.service --- */

static int get_info(const ControlEnvironment *environment, struct json_object *parameters,
                    Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *info = json_object_new_object();
    struct json_object *interfaces = json_object_new_array();

    (void)environment;
    (void)parameters;
    (void)reason;
    if (!json_add(info, "vendor", json_object_new_string(VENDOR)) ||
        !json_add(info, "product", json_object_new_string("nspawn-creds-broker")) ||
        !json_add(info, "version", json_object_new_string(NC_VERSION)) ||
        !json_add(info, "url", json_object_new_string(URL)) ||
        !json_add(info, "interfaces", interfaces) ||
        json_object_array_add(interfaces, json_object_new_string(INTERFACE_BROKER)) != 0 ||
        json_object_array_add(interfaces, json_object_new_string(INTERFACE_SERVICE)) != 0)
        return -ENOMEM;
    *ret = TAKE_PTR(info);
    return 0;
}

static const VarlinkField interface_fields[] = {{"interface", json_type_string, false}, {0}};

/* OUTCOME_NOT_FOUND stands for InterfaceNotFound here. */
static int get_interface_description(const ControlEnvironment *environment,
                                     struct json_object *parameters, Reason *reason,
                                     struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes text = {0};
    const char *name = varlink_text(parameters, "interface");
    int r = interface_describe(name, strlen(name), &text);

    (void)environment;
    (void)reason;
    if (r != 0)
        return r;
    if (!json_add(object, "description",
                  json_object_new_string_len((const char *)text.data, (int)text.size)))
        return -ENOMEM;
    *ret = TAKE_PTR(object);
    return 0;
}

/* --- how the broker is --- */

static bool add_number(struct json_object *object, const char *name, uint64_t value)
{
    return json_add(object, name, json_object_new_int64((int64_t)value));
}

static bool add_text(struct json_object *object, const char *name, const char *value)
{
    return json_add(object, name, json_object_new_string(value));
}

static int status(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    const ConnectionSet *connections = environment->connections;
    const ServerConfig *config = connections->config;
    const Ledger *ledger = environment->ledger;

    (void)parameters;
    (void)reason;
    if (!add_text(object, "version", NC_VERSION) ||
        !add_number(object, "uptimeUSec", monotonic_usec() - ledger->begun) ||
        !add_text(object, "store", config->store_path) ||
        !add_text(object, "tpmDevice",
                  config->tpm_device ? config->tpm_device : TPM_DEFAULT_DEVICE) ||
        !add_number(object, "delivered", ledger->counts[AUDIT_DELIVERED]) ||
        !add_number(object, "refused", ledger->counts[AUDIT_REFUSED]) ||
        !add_number(object, "abandoned", ledger->counts[AUDIT_ABANDONED]) ||
        !add_number(object, "waiting", connections->count) ||
        !add_number(object, "keys", tpm_queue_keys(connections->tpm)))
        return -ENOMEM;
    *ret = TAKE_PTR(object);
    return 0;
}

static int flush_keys(const ControlEnvironment *environment, struct json_object *parameters,
                      Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    (void)parameters;
    (void)reason;
    if (!add_number(object, "flushed", tpm_queue_flush(environment->connections->tpm)))
        return -ENOMEM;
    *ret = TAKE_PTR(object);
    return 0;
}

static int restart(const ControlEnvironment *environment, struct json_object *parameters,
                   Reason *reason, struct json_object **ret)
{
    (void)parameters;
    (void)reason;
    environment->restart(environment->userdata);
    *ret = NULL;
    return 0;
}

static int reload(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret)
{
    int r = environment->reload(environment->userdata, reason);

    (void)parameters;
    if (r == 0)
        *ret = NULL;
    return r;
}

static int subscribe(const ControlEnvironment *environment, struct json_object *parameters,
                     Reason *reason, struct json_object **ret)
{
    (void)environment;
    (void)parameters;
    (void)reason;
    *ret = NULL;
    return 0;
}

static const char *verdict_name(AuditVerdict verdict)
{
    static const char *const names[_AUDIT_VERDICT_MAX] = {
        [AUDIT_DELIVERED] = "delivered",
        [AUDIT_REFUSED] = "refused",
        [AUDIT_ABANDONED] = "abandoned",
    };

    return names[verdict];
}

struct json_object *method_event(const AuditRecord *record)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *event = json_object_new_object();

    if (!json_add(object, "event", event) ||
        !add_text(event, "verdict", verdict_name(record->verdict)) ||
        !add_text(event, "outcome", outcome_name(record->outcome)) ||
        (record->machine[0] && !add_text(event, "machine", record->machine)) ||
        (record->id[0] && !add_text(event, "credential", record->id)) ||
        (record->unit[0] && !add_text(event, "unit", record->unit)) ||
        !add_text(event, "delivery", record->live ? "live" : "boot") ||
        (record->reason[0] && !add_text(event, "reason", record->reason)) ||
        !add_number(event, "durationUSec", record->usec))
        return NULL;
    return TAKE_PTR(object);
}

/* --- the store --- */

static const VarlinkField machine_fields[] = {{"machine", json_type_string, true}, {0}};
static const VarlinkField name_fields[] = {
    {"machine", json_type_string, false},
    {"credential", json_type_string, false},
    {0},
};
static const VarlinkField store_fields[] = {
    {"machine", json_type_string, false},
    {"credential", json_type_string, false},
    {"sealed", json_type_string, false},
    {"replace", json_type_boolean, true},
    {0},
};

static int name_of(struct json_object *parameters, Reason *reason, CredentialName *ret)
{
    return credential_name_new(varlink_text(parameters, "machine"),
                               varlink_text(parameters, "credential"), reason, ret);
}

/* What FILE says without its key. */
static int add_parts(BytesView file, Reason *reason, struct json_object *object)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialParts parts;
    int r = credential_decode(file, reason, &sealed);

    if (r == 0)
        r = credential_parse(bytes_view(&sealed), reason, &parts);
    if (r == 0)
        r = credential_openable(&parts, reason);
    if (r != 0)
        return r;
    if (!add_text(object, "kind", parts.kind->name) || !add_number(object, "size", sealed.size))
        return -ENOMEM;
    if (kind_has(parts.kind, KIND_TPM) &&
        !json_add(object, "pcrs", tpm_pcr_mask_to_json(parts.tpm.pcr_mask)))
        return -ENOMEM;
    if (kind_has(parts.kind, KIND_PUBLIC_KEY) &&
        !json_add(object, "signedPcrs", tpm_pcr_mask_to_json(parts.tpm.public_key_mask)))
        return -ENOMEM;
    return 0;
}

static bool add_problem(int rc, const Reason *reason, struct json_object *object)
{
    return add_text(object, "problem", outcome_name(rc)) &&
           add_text(object, "reason", reason->text[0] ? reason->text : outcome_sentence(rc));
}

static int describe_entry(Vault *vault, const StoreEntry *entry, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes file = {0};
    uint64_t usec = (uint64_t)entry->written[0] * 1000000 + (uint64_t)entry->written[1] / 1000;
    Reason reason = {0};
    int r;

    if (!add_text(object, "machine", entry->name.machine) ||
        !add_text(object, "credential", entry->name.id) || !add_number(object, "writtenUSec", usec))
        return -ENOMEM;
    r = vault_read(vault, &entry->name, &reason, &file);
    if (r == 0)
        r = add_parts(bytes_view(&file), &reason, object);
    if (r == -ENOMEM || (r != 0 && !add_problem(r, &reason, object)))
        return -ENOMEM;
    *ret = TAKE_PTR(object);
    return 0;
}

static int add_machine(Vault *vault, const char *machine, Reason *reason, struct json_object *list)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count;
    int r = vault_list(vault, machine, reason, &entries, &count);

    for (size_t i = 0; r == 0 && i < count; i++) {
        struct json_object *entry;

        r = describe_entry(vault, &entries[i], &entry);
        if (r == 0 && json_object_array_add(list, entry) != 0)
            r = -ENOMEM;
    }
    return r;
}

static int list(const ControlEnvironment *environment, struct json_object *parameters,
                Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *credentials = json_object_new_array();
    const char *machine = varlink_text(parameters, "machine");
    Vault *vault = environment->connections->vault;
    _cleanup_(freep) MachineName *machines = NULL;
    size_t count = 0;
    int r = 0;

    if (!json_add(object, "credentials", credentials))
        return -ENOMEM;
    if (machine)
        r = add_machine(vault, machine, reason, credentials);
    else
        r = vault_machines(vault, reason, &machines, &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_machine(vault, machines[i].text, reason, credentials);
    if (r == 0)
        *ret = TAKE_PTR(object);
    return r;
}

static int describe(const ControlEnvironment *environment, struct json_object *parameters,
                    Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(freep) StoreEntry *entries = NULL;
    Vault *vault = environment->connections->vault;
    struct json_object *entry;
    CredentialName name;
    size_t count;
    int r = name_of(parameters, reason, &name);

    if (r == 0)
        r = vault_list(vault, name.machine, reason, &entries, &count);
    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].name.id, name.id) != 0)
            continue;
        r = describe_entry(vault, &entries[i], &entry);
        if (r == 0 && !json_add(object, "credential", entry))
            r = -ENOMEM;
        if (r == 0)
            *ret = TAKE_PTR(object);
        return r;
    }
    return reason_set(reason, OUTCOME_NOT_FOUND, "the store has no %s of %s", name.id,
                      name.machine);
}

/* What the broker would refuse to deliver in any case does not get into the store. */
static int check_sealed(BytesView file, Reason *reason)
{
    _cleanup_(bytes_done) Bytes sealed = {0};
    CredentialParts parts;
    int r = credential_decode(file, reason, &sealed);

    if (r == 0)
        r = credential_parse(bytes_view(&sealed), reason, &parts);
    if (r == 0)
        r = credential_openable(&parts, reason);
    if (r == 0 && parts.kind->parts == 0)
        r = reason_set(reason, OUTCOME_UNPROTECTED, "it was not put into the store");
    if (r == 0 && kind_has(parts.kind, KIND_SCOPED))
        r = reason_set(reason, OUTCOME_SCOPE_MISMATCH,
                       "it is sealed for a user, and a container is none");
    return r;
}

static int store(const ControlEnvironment *environment, struct json_object *parameters,
                 Reason *reason, struct json_object **ret)
{
    const char *text = varlink_text(parameters, "sealed");
    BytesView file = {(const uint8_t *)text, strlen(text)};
    CredentialName name;
    int r = name_of(parameters, reason, &name);

    if (r == 0)
        r = check_sealed(file, reason);
    if (r == 0)
        r = vault_write(environment->connections->vault, &name, file,
                        varlink_flag(parameters, "replace"), reason);
    if (r == 0)
        *ret = NULL;
    return r;
}

static int remove_entry(const ControlEnvironment *environment, struct json_object *parameters,
                        Reason *reason, struct json_object **ret)
{
    CredentialName name;
    int r = name_of(parameters, reason, &name);

    if (r == 0)
        r = vault_remove(environment->connections->vault, &name, reason);
    if (r == 0)
        *ret = NULL;
    return r;
}

/* --- the table --- */

static const VarlinkField no_fields[] = {{0}};

static const Method methods[] = {
    {"GetInfo", INTERFACE_SERVICE, no_fields, false, get_info},
    {"GetInterfaceDescription", INTERFACE_SERVICE, interface_fields, false,
     get_interface_description},
    {"Status", INTERFACE_BROKER, no_fields, false, status},
    {"List", INTERFACE_BROKER, machine_fields, false, list},
    {"Describe", INTERFACE_BROKER, name_fields, false, describe},
    {"Store", INTERFACE_BROKER, store_fields, false, store},
    {"Remove", INTERFACE_BROKER, name_fields, false, remove_entry},
    {"FlushKeys", INTERFACE_BROKER, no_fields, false, flush_keys},
    {"Restart", INTERFACE_BROKER, no_fields, false, restart},
    {"Reload", INTERFACE_BROKER, no_fields, false, reload},
    {"Subscribe", INTERFACE_BROKER, no_fields, true, subscribe},
};

const Method *method_table(size_t *ret_count)
{
    *ret_count = sizeof(methods) / sizeof(methods[0]);
    return methods;
}

const Method *method_find(const char *name, const char **ret_error)
{
    size_t size;
    const char *member = varlink_method_split(name, &size);

    *ret_error = VARLINK_INTERFACE_NOT_FOUND;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strlen(methods[i].interface) != size || memcmp(methods[i].interface, name, size) != 0)
            continue;
        *ret_error = VARLINK_METHOD_NOT_FOUND;
        if (strcmp(methods[i].name, member) == 0)
            return &methods[i];
    }
    return NULL;
}
