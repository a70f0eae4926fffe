/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/method.h"

#include "base/array.h"
#include "courier/offer.h"
#include "courier/offer_report.h"
#include "fleet/fleet_status.h"
#include "protocol/varlink.h"
#include "request/commit_parameters.h"

#include <errno.h>
#include <string.h>

int method_send(const MethodCall *call, struct json_object *message, bool last)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    int r = message ? json_print(message, &text) : -ENOMEM;

    json_object_put(message);
    if (r != 0)
        return r;
    writer_bytes(&writer, (BytesView){(const uint8_t[]){last}, 1});
    writer_bytes(&writer, bytes_view(&text));
    return writer.failed ? -ENOMEM : child_tell(call->to_worker, bytes_view(&writer.bytes));
}

/* --- org.varlink.service --- */

static int get_info(MethodCall *call)
{
    struct json_object *interfaces = json_object_new_array();

    json_append(interfaces, json_object_new_string(call->interface));
    json_append(interfaces, json_object_new_string(INTERFACE_SERVICE));
    json_add_text(call->reply, "vendor", "nspawn-creds");
    json_add_text(call->reply, "product", "nspawn-creds-broker");
    json_add_text(call->reply, "version", NC_VERSION);
    json_add_text(call->reply, "url", "man:nspawn-creds-broker(8)");
    json_add(call->reply, "interfaces", interfaces);
    return 0;
}

static const VarlinkField interface_fields[] = {{"interface", json_type_string, false}, {0}};

/* The caller turns OUTCOME_NOT_FOUND into InterfaceNotFound. */
static int get_interface_description(MethodCall *call)
{
    _cleanup_(bytes_done) Bytes text = {0};
    const char *name = varlink_text(call->parameters, "interface");
    int r = strcmp(name, call->interface) == 0 || strcmp(name, INTERFACE_SERVICE) == 0
                ? interface_describe(name, &text)
                : OUTCOME_NOT_FOUND;

    json_add_view(call->reply, "description", bytes_view(&text));
    return r;
}

/* --- status --- */

static int add_fleets(const ServerConfig *config, struct json_object *reply)
{
    _cleanup_(strings_freep) char **names = NULL;
    struct json_object *fleets;
    int r = fleet_status_list(config->context, config->store_path, NULL, &names);

    /* without its directory the rest is still worth knowing */
    if (r != 0 || !names[0])
        return r == -ENOMEM ? r : 0;
    fleets = json_object_new_array();
    for (char **name = names; r == 0 && *name; name++) {
        FleetStatus fleet;

        r = fleet_status_load(config->context, config->store_path, *name, &fleet);
        if (r == 0)
            json_append(fleets, fleet_status_to_json(&fleet));
    }
    json_add(reply, "fleets", fleets);
    return r;
}

/* The protection against an older store or set: the counter, or, against a fleet's carrier alone,
 * the sequences that were accepted. */
static void add_rollback(const RollbackGuard *guard, struct json_object *reply)
{
    struct json_object *object = json_object_new_object();
    bool on = guard->state > GUARD_OFF;

    json_add_text(object, "protection",
                  on                                                ? "counter"
                  : guard->state == GUARD_STARTS                    ? "unknown"
                  : json_object_object_get(reply, "fleets") != NULL ? "sequence"
                                                                    : "none");
    json_add_text(object, "onRollback", guard->config->rollback_refuse ? "refuse" : "deliver");
    if (on)
        json_add_text(object, "state", rollback_guard_word(guard));
    if (on && guard->state == GUARD_WELL)
        json_add_number(object, "value", guard->value);
    if (guard->rc != 0)
        json_add_text(object, "reason", outcome_reason(guard->rc, &guard->reason));
    json_add(reply, "rollback", object);
}

static int status(MethodCall *call)
{
    const ConnectionSet *connections = call->environment->connections;
    const ServerConfig *config = connections->config;
    const Counters *counters = call->environment->counters;
    struct json_object *reply = call->reply;
    int r;

    json_add_text(reply, "version", NC_VERSION);
    json_add_number(reply, "uptimeUSec", monotonic_usec() - counters->begun);
    json_add_text(reply, "store", config->store_path);
    json_add_text(reply, "tpmDevice", config->tpm_device ? config->tpm_device : TPM_DEFAULT_DEVICE);
    json_add_number(reply, "delivered", counters->counts[AUDIT_DELIVERED]);
    json_add_number(reply, "refused", counters->counts[AUDIT_REFUSED]);
    json_add_number(reply, "abandoned", counters->counts[AUDIT_ABANDONED]);
    json_add_number(reply, "waiting", connections->count);
    json_add_number(reply, "keys", key_cache_count(connections->tpm.cache));
    r = add_fleets(config, reply);
    add_rollback(&connections->rollback, reply);
    return r;
}

static int flush_keys(MethodCall *call)
{
    AuditSink *sink = &call->environment->counters->sink;
    uint64_t begun = monotonic_usec();

    json_add_number(call->reply, "flushed",
                    key_cache_flush(call->environment->connections->tpm.cache));
    audit_write(sink, &(AuditRecord){
                          .verdict = AUDIT_FLUSHED,
                          .peer_pid = call->peer->pid,
                          .peer_uid = call->peer->uid,
                          .usec = monotonic_usec() - begun,
                      });
    return 0;
}

static int restart(MethodCall *call)
{
    call->environment->restart(call->environment->userdata);
    return 0;
}

static int reload(MethodCall *call)
{
    return live_set_scan(call->environment->live, &call->reason);
}

/* "" is left out. */
static void add_known(struct json_object *object, const char *name, const char *text)
{
    json_add_text(object, name, text[0] ? text : NULL);
}

struct json_object *method_event(const AuditRecord *record)
{
    struct json_object *object = json_object_new_object();
    struct json_object *event = json_object_new_object();

    json_add_text(event, "verdict", audit_verdicts[record->verdict].name);
    json_add_text(event, "outcome", outcome_name(record->outcome));
    add_known(event, "machine", record->machine);
    add_known(event, "credential", record->id);
    add_known(event, "unit", record->unit);
    if (record->verdict < AUDIT_STORED)
        json_add_text(event, "delivery", record->live ? "live" : "boot");
    add_known(event, "key", record->key);
    json_add_flag(event, "sealedOutside", record->sealed_outside);
    json_add_flag(event, "predecessor", record->predecessor);
    if (record->fleet[0]) {
        json_add_text(event, "fleet", record->fleet);
        json_add_number(event, "sequence", record->sequence);
    }
    add_known(event, "reason", record->reason);
    json_add_number(event, "durationUSec", record->usec);
    json_add(object, "event", event);
    return object;
}

/* --- the courier --- */

static int add_file(MethodCall *call)
{
    return offer_add(call->offer, varlink_text(call->parameters, "fleet"),
                     varlink_text(call->parameters, "sha256"),
                     text_view(varlink_text(call->parameters, "data")), &call->reason);
}

static int report(MethodCall *call)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = offer_report_applied(call->environment->connections->config,
                                 varlink_text(call->parameters, "fleet"), &call->reason, &text);

    json_add_view(call->reply, "report", bytes_view(&text));
    return r;
}

/* --- the table --- */

static const VarlinkField no_fields[] = {{0}};
static const VarlinkField machine_fields[] = {{"machine", json_type_string, true}, {0}};
static const VarlinkField name_fields[] = {
    {"machine", json_type_string, false},
    {"credential", json_type_string, false},
    {0},
};

static const VarlinkField check_fields[] = {
    {"machine", json_type_string, false},
    {"credential", json_type_string, true},
    {"unit", json_type_string, true},
    {"sealed", json_type_string, true},
    {0},
};

static const VarlinkField offer_fields[] = {
    {"fleet", json_type_string, false},
    {"bundle", json_type_string, false},
    {0},
};

static const VarlinkField blob_fields[] = {
    {"fleet", json_type_string, false},
    {"sha256", json_type_string, false},
    {"data", json_type_string, false},
    {0},
};

static const VarlinkField fleet_fields[] = {{"fleet", json_type_string, false}, {0}};

static const Method methods[] = {
    {"GetInfo", INTERFACE_SERVICE, no_fields, METHOD_LOOP, false, get_info},
    {"GetInterfaceDescription", INTERFACE_SERVICE, interface_fields, METHOD_LOOP, false,
     get_interface_description},
    {"Status", INTERFACE_BROKER, no_fields, METHOD_STATUS, false, status},
    {"List", INTERFACE_BROKER, machine_fields, METHOD_READER, true, method_list},
    {"Describe", INTERFACE_BROKER, name_fields, METHOD_READER, false, method_describe},
    {"Check", INTERFACE_BROKER, check_fields, METHOD_CHECK, true, NULL},
    {"Commit", INTERFACE_BROKER, commit_fields, METHOD_COMMIT, false, NULL},
    {"Metrics", INTERFACE_BROKER, no_fields, METHOD_STATUS, false, method_metrics},
    {"FlushKeys", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, flush_keys},
    {"Restart", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, restart},
    {"Reload", INTERFACE_BROKER, no_fields, METHOD_LOOP, false, reload},
    {"Subscribe", INTERFACE_BROKER, no_fields, METHOD_SUBSCRIBE, true, NULL},
    {"Offer", INTERFACE_COURIER, offer_fields, METHOD_OFFER, false, NULL},
    {"Blob", INTERFACE_COURIER, blob_fields, METHOD_BLOB, false, add_file},
    {"Commit", INTERFACE_COURIER, fleet_fields, METHOD_ACCEPT, false, NULL},
    {"Report", INTERFACE_COURIER, fleet_fields, METHOD_READER, false, report},
};

const Method *method_table(size_t *ret_count)
{
    *ret_count = sizeof(methods) / sizeof(methods[0]);
    return methods;
}

const Method *method_find(const char *interface, const char *name, const char **ret_error)
{
    size_t size;
    const char *member = varlink_method_split(name, &size);

    *ret_error = VARLINK_INTERFACE_NOT_FOUND;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        bool served = strcmp(methods[i].interface, interface) == 0 ||
                      strcmp(methods[i].interface, INTERFACE_SERVICE) == 0;

        if (!served || strlen(methods[i].interface) != size ||
            memcmp(methods[i].interface, name, size) != 0)
            continue;
        *ret_error = VARLINK_METHOD_NOT_FOUND;
        if (strcmp(methods[i].name, member) == 0)
            return &methods[i];
    }
    return NULL;
}
