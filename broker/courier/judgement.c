/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "courier/judgement.h"

#include "courier/refusals.h"
#include "fleet/fleet_config.h"
#include "fleet/fleet_host.h"
#include "fleet/fleet_set.h"

#include <string.h>

static int count_check(const Manifest *manifest, const FleetSet *old, Reason *reason)
{
    /* in the worst case the old ones are removed, and the new ones added */
    if (manifest->count + old->manifest.count <= LIMIT_COMMIT_CHANGES)
        return 0;
    return reason_set(reason, OUTCOME_TOO_LARGE,
                      "it has %zu credentials and the accepted set %zu, together at most %zu "
                      "are possible",
                      manifest->count, old->manifest.count, LIMIT_COMMIT_CHANGES);
}

static void compare(const FleetSet *old, const Manifest *manifest, Verdict *verdict)
{
    for (size_t i = 0; i < manifest->count; i++) {
        const ManifestCredential *credential = &manifest->credentials[i];
        const ManifestCredential *before = manifest_find(&old->manifest, &credential->name);
        _cleanup_(bytes_done) Bytes file = {0};

        if (!before)
            continue;
        verdict->have[i] = HAVE_NAME;
        if (strcmp(before->sha256, credential->sha256) == 0 &&
            fleet_set_read_signed(old, &credential->name, NULL, &file) == 0)
            verdict->have[i] =
                value_changes_find(&old->pending, &credential->name) ? HAVE_PENDING : HAVE_FILE;
    }
}

/* Says which statement the bundle has, whether anybody signed it or not. */
static void name_statement(BytesView text, Verdict *verdict)
{
    _cleanup_(bundle_done) Bundle bundle = {0};

    if (bundle_parse(text, NULL, &bundle) == 0)
        digest_format(bytes_view(&bundle.statement), verdict->statement);
}

/* Opens the accepted set, if there is one. If it cannot be read, its sequence is unknown, so that
 * no other may follow before a reset. That says nothing about the offer. */
static int open_accepted(const ServerConfig *config, const char *fleet, Reason *reason,
                         FleetSet *ret)
{
    int r = fleet_set_open(config->store_path, fleet, reason, ret);

    if (r == OUTCOME_NO_SET)
        r = 0;
    if (r == 0)
        *reason = (Reason){0};
    return r;
}

/* The outcome with which an earlier broker refused it, or 0. */
static int recall(const ServerConfig *config, const char *fleet, uint64_t now, Verdict *verdict)
{
    _cleanup_(bytes_done) Bytes report = {0};
    int r = refusals_read(config, fleet, verdict->statement, now, &verdict->reason, &report);

    if (r != 0) {
        memcpy(verdict->report, report.data, report.size);
        verdict->report_size = report.size;
    }
    return r;
}

static int judge(const ServerConfig *config, const char *name, BytesView bundle, Verdict *verdict)
{
    const Context *context = config->context;
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(fleet_config_done) FleetConfig fleet = {0};
    _cleanup_(manifest_done) Manifest manifest = {0};
    _cleanup_(fleet_set_done) FleetSet old = {0};
    FleetTrust trust = {.fleet = name, .signers = &signers, .now = context->now(context)};
    Reason *reason = &verdict->reason;
    Statement statement;
    int r = fleet_config_load(context, name, reason, &fleet);

    if (r == 0)
        r = fleet_config_signers(context, name, reason, &signers);
    if (r == 0)
        r = fleet_host_read(config->store_path, reason, &trust.host);
    if (r != 0)
        return r;
    strcpy(verdict->host, fleet.host);
    name_statement(bundle, verdict);
    r = open_accepted(config, name, reason, &old);
    if (r != 0)
        return r;
    trust.threshold = fleet.threshold;
    trust.sequence = old.floor;
    trust.root = old.statement.root;
    r = bundle_judge(bundle, &trust, reason, &statement, &manifest);
    if (r == 0)
        r = count_check(&manifest, &old, reason);
    if (r == 0)
        r = recall(config, name, trust.now, verdict);
    if (r != 0)
        return r;
    verdict->sequence = statement.sequence;
    strcpy(verdict->base, old.digest);
    verdict->accepted = old.bundle.size > 0 && statement.sequence == old.statement.sequence;
    compare(&old, &manifest, verdict);
    return 0;
}

void judgement_make(const ServerConfig *config, const char *fleet, BytesView bundle, Verdict *ret)
{
    ret->rc = judge(config, fleet, bundle, ret);
}
