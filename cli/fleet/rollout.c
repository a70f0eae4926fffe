/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/rollout.h"

#include "base/array.h"
#include "base/context.h"
#include "base/json.h"
#include "fleet/carrier_settings.h"
#include "fleet/reports.h"
#include "fleet/signing.h"
#include "protocol/varlink.h"
#include "terminal/output.h"
#include "terminal/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

typedef struct Rollout {
    const Options *options;
    const Repository *repository;
    char **hosts; /* of the wave */
    size_t count;
    size_t accepted, failed;
    size_t restarting;            /* they have accepted the set, and restart services */
    size_t without;               /* of those that have accepted: they restart none */
    struct json_object *failures; /* their rows */
} Rollout;

static void rollout_done(Rollout *rollout)
{
    strings_free(rollout->hosts);
    json_object_put(rollout->failures);
}

int rollout_check(struct json_object *carrier, Reason *reason)
{
    _cleanup_(carrier_settings_done) CarrierSettings settings = {0};
    int r = carrier_settings_parse(carrier, reason, &settings);

    if (r == 0 && settings.kind == CARRIER_HTTPS && !settings.reports)
        r = reason_set(reason, OUTCOME_USAGE,
                       "the carrier %.100s has no place for reports of hosts: name one as "
                       "\"reports\" in your configuration of the fleet and in those of the hosts",
                       settings.location);
    return r;
}

/* --- counting --- */

static void count_row(Rollout *rollout, struct json_object *row)
{
    const char *host = varlink_text(row, "host"), *state = varlink_text(row, "state");

    if (!host || !state || !host_names_have(rollout->hosts, rollout->count, host))
        return;
    if (strcmp(state, "failed") == 0) {
        rollout->failed++;
        json_append(rollout->failures, json_object_get(row));
    } else if (strcmp(state, "accepted") == 0) {
        bool applied = json_is_true(json_object_object_get(row, "applied")) &&
                       outcome_find(varlink_text(row, "outcome")) == 0,
             without = json_object_object_get_ex(row, "noApply", NULL); /* only ever true */

        rollout->accepted += applied || without;
        rollout->without += without;
        rollout->restarting += !applied && !without;
    }
}

static int count(Rollout *rollout, struct json_object *carrier, BytesView text, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *rows = NULL;
    ReportCounts counts;
    int r = reports_fetch(rollout->repository, carrier, text, reason, &counts, &rows);

    if (r != 0)
        return r;
    json_object_put(rollout->failures);
    rollout->failures = json_object_new_array();
    if (!rollout->failures)
        return -ENOMEM;
    rollout->accepted = rollout->failed = rollout->restarting = rollout->without = 0;
    for (size_t i = 0; i < json_length(rows); i++)
        count_row(rollout, json_object_array_get_idx(rows, i));
    return 0;
}

static bool too_many_failed(const Rollout *rollout)
{
    return rollout->failed * 100 > rollout->count * rollout->options->tolerate;
}

/* --- the result --- */

static size_t waiting(const Rollout *rollout)
{
    return rollout->count - rollout->accepted - rollout->failed;
}

static void print_json(const Rollout *rollout, uint64_t sequence, const char *state)
{
    struct json_object *object = json_object_new_object();

    json_add_number(object, "sequence", sequence);
    json_add_text(object, "state", state);
    json_add_number(object, "wave", rollout->count);
    json_add_number(object, "accepted", rollout->accepted);
    json_add_number(object, "withoutApply", rollout->without);
    json_add_number(object, "failed", rollout->failed);
    json_add_number(object, "waiting", waiting(rollout));
    json_add(object, "failures", json_object_get(rollout->failures));
    output_json(object, rollout->options->json);
}

static void print_failures(const Rollout *rollout)
{
    for (size_t i = 0; i < json_length(rollout->failures); i++) {
        struct json_object *row = json_object_array_get_idx(rollout->failures, i);
        const char *outcome = varlink_text(row, "outcome"),
                   *credential = varlink_text(row, "credential");

        output_line(stderr, "%s: %s%s%s", varlink_text(row, "host"), outcome ? outcome : "failed",
                    credential ? ", " : "", credential ? credential : "");
    }
}

static int finish(const Rollout *rollout, uint64_t sequence)
{
    bool stopped = too_many_failed(rollout), over = !stopped && waiting(rollout) > 0;
    Reason reason = {0};

    if (rollout->options->json != JSON_OFF)
        print_json(rollout, sequence, stopped ? "stopped" : over ? "waiting" : "accepted");
    print_failures(rollout);
    if (rollout->count == 0)
        reason_set(&reason, 0,
                   "No host is in the wave of statement %" PRIu64
                   ", because it brings nobody other files: there is nothing to wait for",
                   sequence);
    else
        reason_set(&reason, 0,
                   "%zu of %zu hosts of this wave have accepted statement %" PRIu64
                   ", %zu failed, %zu are waited for",
                   rollout->accepted, rollout->count, sequence, rollout->failed, waiting(rollout));
    if (rollout->restarting > 0)
        snprintf(reason.text + strlen(reason.text), sizeof(reason.text) - strlen(reason.text),
                 " (%zu of them restart services)", rollout->restarting);
    if (stopped)
        return output_error(OUTCOME_HOSTS_FAILED, NULL, &reason);
    if (over)
        return output_error(OUTCOME_HOSTS_SILENT, NULL, &reason);
    if (rollout->options->json == JSON_OFF)
        output_line(stdout, "%s.", reason.text);
    if (rollout->without > 0)
        output_note(
            "%zu of them %s no nspawn-creds-apply: services there have the new values after "
            "their next start.",
            rollout->without, rollout->without == 1 ? "has" : "have");
    return 0;
}

/* --- waiting --- */

/* A second, or longer if the carrier is slow, and not beyond the END. */
static void pause_after(uint64_t begin, uint64_t end)
{
    uint64_t now = monotonic_usec(), pause = 4 * (now - begin);
    struct timespec rest;

    if (pause < USEC_PER_SEC)
        pause = USEC_PER_SEC;
    if (end != USEC_INFINITY && pause > end - now)
        pause = end > now ? end - now : 0;
    rest = usec_to_timespec(pause);
    (void)nanosleep(&rest, NULL);
}

static int wait_for_all(Rollout *rollout, struct json_object *carrier, BytesView text,
                        Reason *reason)
{
    uint64_t begin = monotonic_usec(), end = rollout->options->wait_usec == USEC_INFINITY
                                                 ? USEC_INFINITY
                                                 : begin + rollout->options->wait_usec;
    int r = 0;

    for (;;) {
        uint64_t look = monotonic_usec();

        r = count(rollout, carrier, text, reason);
        if (r != 0 || too_many_failed(rollout) || waiting(rollout) == 0 || monotonic_usec() >= end)
            break;
        progress_rate("hosts of the wave have accepted", rollout->accepted, rollout->count, begin);
        pause_after(look, end);
    }
    progress_end();
    return r;
}

int rollout_wait(const Options *options, const Repository *repository, struct json_object *carrier,
                 uint64_t sequence, BytesView text)
{
    _cleanup_(rollout_done) Rollout rollout = {.options = options, .repository = repository};
    Reason reason = {0};
    int r = host_names_read(repository, STATEMENT_WAVE, &reason, &rollout.hosts, &rollout.count);

    if (r == 0)
        r = wait_for_all(&rollout, carrier, text, &reason);
    return r == 0 ? finish(&rollout, sequence) : output_error(r, NULL, &reason);
}
