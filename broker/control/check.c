/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/check.h"

#include "protocol/varlink.h"
#include "request/request.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* The pause while the journal takes no entries, µs. */
#define FULL_USEC ((uint64_t)100 * 1000)

struct Check {
    CheckOrder order; /* .parameters is a reference, .peer is &.peer */
    Peer peer;
    sd_event_source *turn; /* a timer: begins with the next credential */
    Policy *policy;        /* all of its credentials are checked; NULL: only .name */
    size_t next;           /* the one in .policy that comes next */
    size_t total;          /* of what the machine's unit gets: values and ids, bytes */

    CredentialName name; /* the credential that is being checked */
    PolicyDelivery delivery;
    Request request;
    Job *job; /* not NULL while it waits for the TPM */
    Reason reason;
    uint64_t begun; /* CLOCK_MONOTONIC, µs */
};

/* --- the result of one credential --- */

static void write_record(const Check *check, int rc)
{
    AuditSink *sink = check->order.connections->audit;

    audit_write(sink, &(AuditRecord){
                          .verdict = AUDIT_CHECKED,
                          .live = check->delivery == POLICY_LIVE,
                          .machine = check->name.machine,
                          .id = check->name.id,
                          .peer_pid = check->peer.pid,
                          .peer_uid = check->peer.uid,
                          .outcome = rc,
                          .reason = check->reason.text,
                          .key = check->request.key.fingerprint,
                          .sealed_outside = check->request.key.outside,
                          .predecessor = check->request.predecessor,
                          .fleet = check->request.origin.fleet,
                          .sequence = check->request.origin.sequence,
                          .usec = monotonic_usec() - check->begun,
                      });
}

/* Adds the value of SIZE bytes to the total of its unit, which the service manager limits. For live
 * delivery each inner unit has its own. */
static int add_to_total(Check *check, size_t size, size_t *ret_total)
{
    size_t before = check->delivery == POLICY_LIVE ? 0 : check->total;

    *ret_total = before + size + strlen(check->name.id);
    if (check->delivery != POLICY_LIVE)
        check->total = *ret_total;
    if (*ret_total <= LIMIT_PLAINTEXT_BYTES)
        return 0;
    return reason_set(&check->reason, OUTCOME_TOO_LARGE,
                      "%s %zu bytes, ids included, but a unit may have at most %zu",
                      before > 0 ? "with it the machine's unit would get" : "it has", *ret_total,
                      LIMIT_PLAINTEXT_BYTES);
}

/* Adds the fingerprint of the host key, if the credential was opened with it. */
static void add_host_key(const Resolution *resolution, struct json_object *object)
{
    char fingerprint[HOST_KEY_FINGERPRINT_BYTES];

    for (size_t i = 0; i < resolution->count; i++)
        if (resolution->ingredients[i].host_key) {
            host_key_fingerprint(resolution->ingredients[i].host_key, fingerprint);
            json_add_text(object, "hostKey", fingerprint);
            return;
        }
}

/* Reports the credential, and forgets it. */
static void finish(Check *check, int rc)
{
    struct json_object *object = json_object_new_object(), *reply = json_object_new_object();
    const ConnectionSet *set = check->order.connections;
    size_t total;

    json_add_text(object, "machine", check->name.machine);
    json_add_text(object, "credential", check->name.id);
    json_add_text(object, "delivery", policy_delivery_names[check->delivery]);
    add_host_key(&check->request.resolution, object);
    if (check->request.origin.fleet[0]) {
        json_add_text(object, "fleet", check->request.origin.fleet);
        json_add_number(object, "sequence", check->request.origin.sequence);
    }
    if (rc == 0) {
        _cleanup_(secret_freep) Secret *value = request_take_value(&check->request);

        rc = add_to_total(check, secret_size(value), &total);
        json_add_number(object, "size", secret_size(value));
        json_add_number(object, "total", total);
        json_add_flag(object, "willBeGenerated", request_generates(&check->request));
    }
    json_add_text(object, "outcome", outcome_name(rc));
    if (rc != 0)
        json_add_text(object, "reason", outcome_reason(rc, &check->reason));
    json_add(reply, "credential", object);
    write_record(check, rc);
    request_done(&check->request);
    check->order.done(check->order.userdata, reply,
                      !check->policy || check->next == check->policy->count);
    /* the broker may have found that it needs another host key */
    set->ended(set->userdata, NULL);
}

/* --- the trial of one credential --- */

static void on_key(void *userdata, const JobResult *result);

static void go_on(Check *check, int r)
{
    TpmQueue *tpm = &check->order.connections->tpm;
    TpmKeyRequest wanted = {0};

    if (r == 0)
        r = request_advance(&check->request, tpm, &check->reason, &wanted);
    if (r == 0 && wanted.sealed)
        r = tpm_job_new(tpm, wanted.sealed, NULL, on_key, check, &check->job);
    if (check->job)
        job_yield(check->job);
    else
        finish(check, r);
}

static void on_key(void *userdata, const JobResult *result)
{
    Check *check = userdata;

    check->job = job_free(check->job);
    go_on(check, request_give(&check->request, result, &check->reason));
}

static int begin(Check *check)
{
    ConnectionSet *set = check->order.connections;
    struct json_object *parameters = check->order.parameters;
    const char *unit = varlink_text(parameters, "unit");
    const char *sealed = varlink_text(parameters, "sealed");
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential = NULL;
    Purpose purpose;

    check->reason = (Reason){0};
    check->begun = monotonic_usec();
    /* if there is a fault, the trial meets it, too */
    (void)resolution_look_up(set->resources->policies, &check->name, NULL, &policy, &credential);
    purpose = unit ? (Purpose){POLICY_LIVE, unit} : decision_purpose(credential);
    check->delivery = !unit && credential ? credential->delivery : purpose.delivery;
    if (sealed)
        return request_begin_file(set->resources, &check->name,
                                  (BytesView){(const uint8_t *)sealed, strlen(sealed)},
                                  &check->reason, &check->request);
    return request_begin(set->resources, NULL, &check->name, &purpose, &check->reason,
                         &check->request);
}

static int on_turn(sd_event_source *source, uint64_t, void *userdata)
{
    Check *check = userdata;

    if (audit_sink_full(check->order.connections->config->audit)) {
        sd_event_source_set_time_relative(source, FULL_USEC);
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    if (check->policy)
        strcpy(check->name.id, check->policy->credentials[check->next++].id);
    go_on(check, begin(check));
    return 0;
}

void check_hold(Check *check, bool hold)
{
    if (check->job)
        return;
    sd_event_source_set_time(check->turn, 0);
    sd_event_source_set_enabled(check->turn, hold ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

/* --- beginning and end --- */

/* Finds out which credentials to check. */
static int prepare(Check *check, Reason *reason)
{
    PolicyCache *policies = check->order.connections->resources->policies;
    struct json_object *parameters = check->order.parameters;
    const char *machine = varlink_text(parameters, "machine");
    const char *id = varlink_text(parameters, "credential");
    PolicyFault fault = {0};
    int r;

    if (varlink_text(parameters, "sealed") && !id)
        return reason_set(reason, OUTCOME_USAGE,
                          "the call has a sealed file, but does not name its credential");
    if (id)
        return credential_name_new(machine, id, reason, &check->name);
    r = machine_name_check(machine, reason);
    if (r != 0)
        return r;
    strcpy(check->name.machine, machine);
    r = policy_cache_get(policies, machine, &fault, &check->policy);
    if (r == OUTCOME_BAD_POLICY)
        return policy_fault_reason(&fault, r, reason);
    if (r == OUTCOME_NOT_FOUND || (r == 0 && check->policy->count == 0))
        return reason_set(reason, OUTCOME_NOT_FOUND, "no policy lists credentials of %s", machine);
    return r;
}

int check_new(const CheckOrder *order, Reason *reason, Check **ret)
{
    _cleanup_(check_freep) Check *check = calloc(1, sizeof(*check));
    int r;

    if (!check)
        return -ENOMEM;
    check->order = *order;
    check->peer = *order->peer;
    json_object_get(order->parameters);
    r = prepare(check, reason);
    if (r != 0)
        return r;
    r = sd_event_add_time(order->connections->event, &check->turn, CLOCK_MONOTONIC, 0, 0, on_turn,
                          check);
    if (r >= 0)
        r = sd_event_source_set_priority(check->turn, SD_EVENT_PRIORITY_IDLE);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(check);
    return 0;
}

Check *check_free(Check *check)
{
    if (check) {
        sd_event_source_disable_unref(check->turn);
        job_free(check->job);
        request_done(&check->request);
        policy_unref(check->policy);
        json_object_put(check->order.parameters);
        free(check);
    }
    return NULL;
}
