/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "control/counters.h"

#include "base/array.h"
#include "control/method.h"
#include "fleet/fleet_status.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- counting --- */

static const uint64_t bounds[COUNTERS_BOUNDS] = {
    1000, 10 * 1000, 100 * 1000, 1000 * 1000, 10 * 1000 * 1000, 60 * 1000 * 1000,
};

/* The file is another one now, unless the broker itself has written what it had opened. */
static void forget_expiry(const Counters *counters, const AuditRecord *record)
{
    CredentialName name;

    if (record->verdict >= AUDIT_STORED && record->verdict <= AUDIT_RESEALED &&
        record->peer_pid != getpid() &&
        credential_name_new(record->machine, record->id, NULL, &name) == 0)
        expiries_set(counters->expiries, &name, USEC_INFINITY);
}

static void counters_write(AuditSink *sink, const AuditRecord *record)
{
    Counters *counters = (Counters *)sink;
    size_t i = 0;

    counters->counts[record->verdict]++;
    if (record->verdict <= AUDIT_ABANDONED) { /* a request, not a change */
        while (i < COUNTERS_BOUNDS && record->usec > bounds[i])
            i++;
        counters->outcomes[record->outcome < 0 ? _OUTCOME_MAX : record->outcome]++;
        counters->durations[i]++;
        counters->usec += record->usec;
    }
    forget_expiry(counters, record);
    counters->next->write(counters->next, record);
    if (counters->entered)
        counters->entered(counters->userdata, record);
}

void counters_begin(Counters *counters, const ServerConfig *config)
{
    *counters = (Counters){
        .sink.write = counters_write,
        .next = config->audit,
        .begun = monotonic_usec(),
    };
}

/* --- telling --- */

typedef struct Families {
    struct json_object *list;
    struct json_object *family, *samples; /* the last one, not in the list yet; or NULL */
} Families;

static void end_family(Families *families)
{
    json_add(families->family, "samples", families->samples);
    json_append(families->list, families->family);
}

static void add_family(Families *families, const char *name, const char *type, const char *unit,
                       const char *help)
{
    if (families->family)
        end_family(families);
    families->family = json_object_new_object();
    families->samples = json_object_new_array();
    json_add_text(families->family, "name", name);
    json_add_text(families->family, "type", type);
    json_add_text(families->family, "unit", unit);
    json_add_text(families->family, "help", help);
}

/* LABEL may be NULL. */
static void add_labelled(Families *families, const char *suffix, const char *label,
                         const char *label_value, double value)
{
    struct json_object *sample = json_object_new_object();

    json_add_text(sample, "suffix", suffix);
    json_add_text(sample, "label", label);
    json_add_text(sample, "labelValue", label_value);
    json_add(sample, "value", json_object_new_double(value));
    json_append(families->samples, sample);
}

/* --- requests --- */

static void add_requests(Families *families, const Counters *counters)
{
    add_family(families, "nspawn_creds_requests", "counter", NULL,
               "Requests of the service manager, by verdict.");
    for (AuditVerdict verdict = AUDIT_DELIVERED; verdict <= AUDIT_ABANDONED; verdict++)
        add_labelled(families, "_total", "verdict", audit_verdicts[verdict].name,
                     (double)counters->counts[verdict]);
    /* also outcomes that have not occurred: Prometheus only sees a counter's first step from 0 */
    add_family(families, "nspawn_creds_outcomes", "counter", NULL,
               "Requests of the service manager, by outcome.");
    for (int rc = OUTCOME_OK; rc <= _OUTCOME_MAX; rc++)
        add_labelled(families, "_total", "outcome", outcome_name(rc < _OUTCOME_MAX ? rc : -EIO),
                     (double)counters->outcomes[rc]);
}

static void add_durations(Families *families, const Counters *counters)
{
    uint64_t count = 0;
    char bound[32];

    add_family(families, "nspawn_creds_request_duration_seconds", "histogram", "seconds",
               "Time from a request to the end of its answer.");
    for (size_t i = 0; i < COUNTERS_BOUNDS; i++) {
        double seconds = (double)bounds[i] / 1e6;

        count += counters->durations[i];
        snprintf(bound, sizeof(bound), seconds < 1 ? "%g" : "%.1f", seconds);
        add_labelled(families, "_bucket", "le", bound, (double)count);
    }
    count += counters->durations[COUNTERS_BOUNDS];
    add_labelled(families, "_bucket", "le", "+Inf", (double)count);
    add_labelled(families, "_sum", NULL, NULL, (double)counters->usec / 1e6);
    add_labelled(families, "_count", NULL, NULL, (double)count);
}

/* --- single numbers --- */

static void add_numbers(Families *families, const ControlEnvironment *environment)
{
    const ConnectionSet *connections = environment->connections;
    const Counters *counters = environment->counters;
    const RollbackGuard *rollback = &connections->rollback;
    TpmCounts tpm = connections->tpm.counts;
    uint64_t up = monotonic_usec() - counters->begun;
    const struct {
        const char *name, *type, *unit, *help;
        double value;
    } rows[] = {
        {"nspawn_creds_connections", "counter", NULL,
         "Connections that were accepted for requests.", (double)connections->begun},
        {"nspawn_creds_waiting", "gauge", NULL, "Requests that have not been answered yet.",
         (double)connections->count},
        {"nspawn_creds_stalled", "gauge", NULL,
         "Of these, requests whose peer does not read its answer.", (double)connections->stalled},
        {"nspawn_creds_tpm_operations", "counter", NULL,
         "Operations of the TPM, unsealing and sealing.", (double)tpm.operations},
        {"nspawn_creds_tpm_failures", "counter", NULL, "Of these, operations that failed.",
         (double)tpm.failures},
        {"nspawn_creds_key_hits", "counter", NULL, "Unsealings saved by the key cache.",
         (double)tpm.hits},
        {"nspawn_creds_keys", "gauge", NULL, "Unsealed keys in the cache.",
         (double)key_cache_count(connections->tpm.cache)},
        {"nspawn_creds_uptime_seconds", "gauge", "seconds",
         "Time since the counters started at zero.", (double)up / 1e6},
        {"nspawn_creds_start_time_seconds", "gauge", "seconds",
         "When the counters started at zero, since 1970.", (double)counters->started / 1e6},
        {"nspawn_creds_tpm_lockout", "gauge", NULL,
         "1 if the TPM's lockout has refused an operation and none has succeeded since.",
         tpm.locked_out},
        {"nspawn_creds_rollback_protected", "gauge", NULL,
         "1 if a counter in the TPM protects the store against rollback.",
         rollback->state > GUARD_OFF},
        {"nspawn_creds_rollback_noticed", "gauge", NULL,
         "1 if the store or a fleet's set is not the last one.", rollback->state == GUARD_NOTICED},
        {"nspawn_creds_rollback_unchecked", "gauge", NULL,
         "1 if the TPM does not say whether the store is the last one.",
         rollback->state == GUARD_UNCHECKED || rollback->state == GUARD_CHECKS},
        {"nspawn_creds_rollback_increments", "counter", NULL, "Increments of the TPM's counter.",
         (double)rollback->increments},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        add_family(families, rows[i].name, rows[i].type, rows[i].unit, rows[i].help);
        add_labelled(families, strcmp(rows[i].type, "counter") == 0 ? "_total" : "", NULL, NULL,
                     rows[i].value);
    }
}

static void add_expiry(Families *families, const Expiries *expiries)
{
    uint64_t next = expiries_next(expiries);

    if (next == USEC_INFINITY)
        return;
    add_family(families, "nspawn_creds_next_expiry_timestamp_seconds", "gauge", "seconds",
               "When the first of the credentials that the broker has opened expires, since 1970.");
    add_labelled(families, "", NULL, NULL, (double)next / 1e6);
}

typedef struct FleetRow {
    const char *name, *unit, *help;
    double value; /* -1 for none */
} FleetRow;

/* The family WHICH, with the value of FLEET; without a name after the last one. */
static FleetRow fleet_row(const FleetStatus *fleet, size_t which)
{
    bool accepted = fleet->sequence > 0;
    bool ends = fleet->threshold > 0 && fleet->signers_until != USEC_INFINITY;
    const FleetRow rows[] = {
        {"nspawn_creds_fleet_up", NULL,
         "1 if the fleet's configuration is valid and the host has accepted a statement.",
         fleet->rc == 0},
        {"nspawn_creds_fleet_sequence", NULL,
         "Sequence of the fleet's statement that was accepted last; 0 for none.",
         (double)fleet->sequence},
        {"nspawn_creds_fleet_pending", NULL,
         "Credentials of the fleet that are sealed for a later boot, and did not open when they "
         "were accepted.",
         accepted ? (double)fleet->pending : -1},
        {"nspawn_creds_fleet_issued_timestamp_seconds", "seconds",
         "When that statement was issued, since 1970.",
         accepted ? (double)fleet->issued / 1e6 : -1},
        {"nspawn_creds_fleet_not_after_timestamp_seconds", "seconds",
         "Until when it could be accepted, since 1970.",
         accepted ? (double)fleet->not_after / 1e6 : -1},
        {"nspawn_creds_fleet_max_age_seconds", "seconds",
         "How old a statement of the fleet should get.",
         fleet->max_age > 0 ? (double)fleet->max_age / 1e6 : -1},
        {"nspawn_creds_fleet_signers_until_timestamp_seconds", "seconds",
         "When too few of the fleet's signers may sign, since 1970.",
         ends ? (double)fleet->signers_until / 1e6 : -1},
        {0},
    };

    return rows[which];
}

/* Returns false after the last family. */
static bool add_fleet_family(Families *families, const FleetStatus *fleets, size_t count,
                             size_t which)
{
    bool begun = false;

    for (size_t i = 0; i < count; i++) {
        FleetRow row = fleet_row(&fleets[i], which);

        if (!row.name)
            return false;
        if (row.value < 0)
            continue;
        if (!begun)
            add_family(families, row.name, "gauge", row.unit, row.help);
        begun = true;
        add_labelled(families, "", "fleet", fleets[i].fleet, row.value);
    }
    return count > 0;
}

static int add_fleets(Families *families, const ServerConfig *config)
{
    _cleanup_(strings_freep) char **names = NULL;
    _cleanup_(freep) FleetStatus *fleets = NULL;
    size_t count = 0;
    int r = fleet_status_list(config->context, config->store_path, NULL, &names);

    for (char **name = names; r == 0 && *name; name++) {
        if (!ARRAY_GROW(fleets, count))
            return -ENOMEM;
        r = fleet_status_load(config->context, config->store_path, *name, &fleets[count]);
        count += r == 0;
    }
    for (size_t i = 0; add_fleet_family(families, fleets, count, i); i++)
        ;
    return r == -ENOMEM ? r : 0;
}

void counters_fix_start(Counters *counters, const Context *context)
{
    if (counters->started == 0)
        counters->started = context->now(context) - (monotonic_usec() - counters->begun);
}

int method_metrics(MethodCall *call)
{
    const Counters *counters = call->environment->counters;
    Families families = {.list = json_object_new_array()};
    int r;

    add_requests(&families, counters);
    add_durations(&families, counters);
    add_numbers(&families, call->environment);
    add_expiry(&families, counters->expiries);
    r = add_fleets(&families, call->environment->connections->config);
    end_family(&families);
    json_add(call->reply, "families", families.list);
    return r;
}
