/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Methods of the control socket. See method.h.
 */

#include "control/method_internal.h"

#include "control/metrics.h"
#include "protocol/interface.h"
#include "request/commit_parameters.h"

#include <errno.h>
#include <string.h>

#define VENDOR "nspawn-creds"
#define URL    "man:nspawn-creds-broker(8)"

/* --- for all of them --- */

bool method_add_number(struct json_object *object, const char *name, uint64_t value)
{
    return json_add(object, name, json_object_new_int64((int64_t)value));
}

bool method_add_text(struct json_object *object, const char *name, const char *value)
{
    return json_add(object, name, json_object_new_string(value));
}

int method_name(struct json_object *parameters, Reason *reason, CredentialName *ret)
{
    return credential_name_new(varlink_text(parameters, "machine"),
                               varlink_text(parameters, "credential"), reason, ret);
}

void method_note(const ControlEnvironment *environment, AuditVerdict verdict,
                 const CredentialName *name, const char *key)
{
    AuditSink *sink = &environment->counters->sink;

    sink->write(sink, &(AuditRecord){
                          .verdict = verdict,
                          .machine = name ? name->machine : "",
                          .id = name ? name->id : "",
                          .unit = "",
                          .peer_pid = environment->peer->pid,
                          .peer_uid = environment->peer->uid,
                          .reason = "",
                          .key = key,
                          .usec = monotonic_usec() - environment->begun,
                      });
}

int method_send(const ControlEnvironment *environment, struct json_object *message, bool last)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    int r = message ? json_print(message, &text) : -ENOMEM;

    json_object_put(message);
    if (r != 0)
        return r;
    writer_bytes(&writer, (BytesView){(const uint8_t[]){last}, 1});
    writer_bytes(&writer, bytes_view(&text));
    return writer.failed ? -ENOMEM : child_tell(environment->to_worker, bytes_view(&writer.bytes));
}

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

/* The caller turns OUTCOME_NOT_FOUND into InterfaceNotFound. */
static int get_interface_description(const ControlEnvironment *environment,
                                     struct json_object *parameters, Reason *reason,
                                     struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes text = {0};
    int r = interface_describe(varlink_text(parameters, "interface"), &text);

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

/* --- status --- */

static int status(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    const ConnectionSet *connections = environment->connections;
    const ServerConfig *config = connections->config;
    const Counters *counters = environment->counters;

    (void)parameters;
    (void)reason;
    if (!method_add_text(object, "version", NC_VERSION) ||
        !method_add_number(object, "uptimeUSec", monotonic_usec() - counters->begun) ||
        !method_add_text(object, "store", config->store_path) ||
        !method_add_text(object, "tpmDevice",
                         config->tpm_device ? config->tpm_device : TPM_DEFAULT_DEVICE) ||
        !method_add_number(object, "delivered", counters->counts[AUDIT_DELIVERED]) ||
        !method_add_number(object, "refused", counters->counts[AUDIT_REFUSED]) ||
        !method_add_number(object, "abandoned", counters->counts[AUDIT_ABANDONED]) ||
        !method_add_number(object, "waiting", connections->count) ||
        !method_add_number(object, "keys", tpm_queue_keys(connections->tpm)))
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
    if (!method_add_number(object, "flushed", tpm_queue_flush(environment->connections->tpm)))
        return -ENOMEM;
    method_note(environment, AUDIT_FLUSHED, NULL, "");
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

struct json_object *method_event(const AuditRecord *record)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *event = json_object_new_object();

    if (!json_add(object, "event", event) ||
        !method_add_text(event, "verdict", audit_verdict_name(record->verdict)) ||
        !method_add_text(event, "outcome", outcome_name(record->outcome)) ||
        (record->machine[0] && !method_add_text(event, "machine", record->machine)) ||
        (record->id[0] && !method_add_text(event, "credential", record->id)) ||
        (record->unit[0] && !method_add_text(event, "unit", record->unit)) ||
        (record->verdict < AUDIT_STORED &&
         !method_add_text(event, "delivery", record->live ? "live" : "boot")) ||
        (record->key[0] && !method_add_text(event, "key", record->key)) ||
        (record->reason[0] && !method_add_text(event, "reason", record->reason)) ||
        !method_add_number(event, "durationUSec", record->usec))
        return NULL;
    return TAKE_PTR(object);
}

/* --- the table --- */

static const VarlinkField no_fields[] = {{0}};
static const VarlinkField machine_fields[] = {{"machine", json_type_string, true}, {0}};
static const VarlinkField name_fields[] = {
    {"machine", json_type_string, false},
    {"credential", json_type_string, false},
    {0},
};

static const Method methods[] = {
    {"GetInfo", INTERFACE_SERVICE, no_fields, METHOD_LOOP, false, get_info},
    {"GetInterfaceDescription", INTERFACE_SERVICE, interface_fields, METHOD_LOOP, false,
     get_interface_description},
    {"Status", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, status},
    {"List", INTERFACE_BROKER, machine_fields, METHOD_READER, true, method_list},
    {"Describe", INTERFACE_BROKER, name_fields, METHOD_READER, false, method_describe},
    {"Commit", INTERFACE_BROKER, commit_fields, METHOD_COMMIT, false, NULL},
    {"Metrics", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, metrics_method},
    {"FlushKeys", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, flush_keys},
    {"Restart", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, restart},
    {"Reload", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, reload},
    {"Subscribe", INTERFACE_BROKER, no_fields, METHOD_SUBSCRIBE, true, NULL},
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
