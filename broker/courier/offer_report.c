/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/offer_report.h"

#include "fleet/fleet_commit.h"
#include "fleet/fleet_config.h"
#include "fleet/fleet_set.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int sign(const ServerConfig *config, const Report *report, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *seed = NULL;
    int r = report_key_read(config->store_path, NULL, &seed);

    return r == 0 ? report_sign(report, seed, ret) : r;
}

static bool is_pending(const Store *store, const char *statement)
{
    _cleanup_(value_changes_done) ValueChanges pending = {0};
    _cleanup_(bytes_done) Bytes text = {0};

    return store_read_record(store, PENDING_RECORD, NULL, &text) == 0 &&
           instead_parse(bytes_view(&text), PENDING_RECORD, statement, NULL, &pending) == 0 &&
           pending.count > 0;
}

/* Adds what became of the accepted set, whose STORE this is, if REPORT is about it. */
static void add_accepted(const Store *store, Report *report)
{
    _cleanup_(bytes_done) Bytes text = {0};
    FleetApplied applied;

    report->pending = is_pending(store, report->statement);
    if (store_read_record(store, FLEET_APPLIED_RECORD, NULL, &text) != 0 ||
        fleet_applied_parse(bytes_view(&text), NULL, &applied) != 0 ||
        strcmp(applied.statement, report->statement) != 0)
        return;
    report->applied = true;
    report->outcome = applied.outcome;
    report->time = applied.time;
    strcpy(report->credential, applied.credential);
}

/* Whether nspawn-creds-apply has ever run here: its state directory is beside the store. */
static bool has_apply(const ServerConfig *config)
{
    const char *store = config->store_path;
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%.*sapply", (int)(strrchr(store, '/') + 1 - store), store);
    return access(path, F_OK) == 0 || errno != ENOENT;
}

int offer_report_make(const ServerConfig *config, Report *report, Bytes *ret)
{
    _cleanup_(store_freep) Store *store = NULL;

    report->time = config->context->now(config->context);
    if (report->outcome == 0 &&
        fleet_commit_open(config->store_path, report->fleet, false, NULL, &store) == 0)
        add_accepted(store, report);
    report->no_apply = report->outcome == 0 && !report->applied && !has_apply(config);
    return sign(config, report, ret);
}

int offer_report_applied(const ServerConfig *config, const char *fleet, Reason *reason, Bytes *ret)
{
    _cleanup_(fleet_config_done) FleetConfig settings = {0};
    _cleanup_(fleet_set_done) FleetSet set = {0};
    Report report = {0};
    int r = fleet_name_valid(fleet) ? fleet_config_load(config->context, fleet, reason, &settings)
                                    : OUTCOME_NOT_FOUND;

    if (r == 0)
        r = fleet_set_open(config->store_path, fleet, reason, &set);
    if (r != 0)
        return r == OUTCOME_NO_SET ? 0 : r;
    strcpy(report.fleet, fleet);
    strcpy(report.host, settings.host);
    strcpy(report.statement, set.digest);
    add_accepted(set.store, &report);
    return report.applied ? sign(config, &report, ret) : 0;
}
