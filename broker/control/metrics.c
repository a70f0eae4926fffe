/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metrics. See metrics.h.
 */

#include "control/metrics.h"

#include <errno.h>

/* The list of families. Functions that add to it set .failed if there is no memory. */
typedef struct Families {
    struct json_object *list;
    struct json_object *samples; /* of the last family, borrowed */
    bool failed;
} Families;

static bool add_text(struct json_object *object, const char *name, const char *value)
{
    return !value || json_add(object, name, json_object_new_string(value));
}

static void add_family(Families *families, const char *name, const char *type, const char *unit,
                       const char *help)
{
    struct json_object *family = json_object_new_object();
    struct json_object *samples = json_object_new_array();

    if (!add_text(family, "name", name) || !add_text(family, "type", type) ||
        !add_text(family, "unit", unit) || !add_text(family, "help", help) ||
        !json_add(family, "samples", samples) ||
        json_object_array_add(families->list, json_object_get(family)) != 0)
        families->failed = true;
    else
        families->samples = samples;
    json_object_put(family);
}

/* LABEL may be NULL. */
static void add_labelled(Families *families, const char *suffix, const char *label,
                         const char *label_value, double value)
{
    struct json_object *sample;

    if (families->failed)
        return;
    sample = json_object_new_object();
    if (!add_text(sample, "suffix", suffix) || !add_text(sample, "label", label) ||
        !add_text(sample, "labelValue", label_value) ||
        !json_add(sample, "value", json_object_new_double(value)) ||
        json_object_array_add(families->samples, json_object_get(sample)) != 0)
        families->failed = true;
    json_object_put(sample);
}

static void add_counter(Families *families, const char *name, const char *help, uint64_t value)
{
    add_family(families, name, "counter", NULL, help);
    add_labelled(families, "_total", NULL, NULL, (double)value);
}

static void add_gauge(Families *families, const char *name, const char *help, uint64_t value)
{
    add_family(families, name, "gauge", NULL, help);
    add_labelled(families, "", NULL, NULL, (double)value);
}

/* --- requests --- */

static void add_verdicts(Families *families, const Counters *counters)
{
    static const struct {
        AuditVerdict verdict;
        const char *name;
    } rows[] = {
        {AUDIT_DELIVERED, "delivered"},
        {AUDIT_REFUSED, "refused"},
        {AUDIT_ABANDONED, "abandoned"},
    };

    add_family(families, "nspawn_creds_requests", "counter", NULL,
               "Requests of the service manager, by verdict.");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        add_labelled(families, "_total", "verdict", rows[i].name,
                     (double)counters->counts[rows[i].verdict]);
}

/* Only outcomes that have occurred. */
static void add_outcomes(Families *families, const Counters *counters)
{
    add_family(families, "nspawn_creds_outcomes", "counter", NULL,
               "Requests of the service manager, by outcome.");
    for (int rc = OUTCOME_OK; rc <= _OUTCOME_MAX; rc++)
        if (rc == OUTCOME_OK || counters->outcomes[rc] > 0)
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
        double seconds = (double)counters_bounds[i] / 1e6;

        count += counters->durations[i];
        snprintf(bound, sizeof(bound), seconds < 1 ? "%g" : "%.1f", seconds);
        add_labelled(families, "_bucket", "le", bound, (double)count);
    }
    count += counters->durations[COUNTERS_BOUNDS];
    add_labelled(families, "_bucket", "le", "+Inf", (double)count);
    add_labelled(families, "_sum", NULL, NULL, (double)counters->usec / 1e6);
    add_labelled(families, "_count", NULL, NULL, (double)count);
}

/* --- all --- */

int metrics_method(const ControlEnvironment *environment, struct json_object *parameters,
                   Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    const ConnectionSet *connections = environment->connections;
    const Counters *counters = environment->counters;
    TpmCounts tpm = tpm_queue_counts(connections->tpm);
    Families families = {.list = json_object_new_array()};

    (void)parameters;
    (void)reason;
    if (!json_add(object, "families", families.list))
        return -ENOMEM;
    add_verdicts(&families, counters);
    add_outcomes(&families, counters);
    add_durations(&families, counters);
    add_counter(&families, "nspawn_creds_connections",
                "Connections that were accepted for requests.", connections->begun);
    add_gauge(&families, "nspawn_creds_waiting", "Requests that have not been answered yet.",
              connections->count);
    add_gauge(&families, "nspawn_creds_stalled",
              "Of these, requests whose peer does not read its answer.", connections->stalled);
    add_counter(&families, "nspawn_creds_tpm_operations",
                "Operations of the TPM, unsealing and sealing.", tpm.operations);
    add_counter(&families, "nspawn_creds_tpm_failures", "Of these, operations that failed.",
                tpm.failures);
    add_counter(&families, "nspawn_creds_key_hits", "Unsealings saved by the key cache.", tpm.hits);
    add_gauge(&families, "nspawn_creds_keys", "Unsealed keys in the cache.",
              tpm_queue_keys(connections->tpm));
    add_family(&families, "nspawn_creds_uptime_seconds", "gauge", "seconds",
               "Time since the counters started at zero.");
    add_labelled(&families, "", NULL, NULL, (double)(monotonic_usec() - counters->begun) / 1e6);
    if (families.failed)
        return -ENOMEM;
    *ret = TAKE_PTR(object);
    return 0;
}
