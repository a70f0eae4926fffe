/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet status: what the hosts report about the last statement.
 */

#include "base/json.h"
#include "fleet/admin.h"
#include "fleet/reports.h"
#include "fleet/signing.h"
#include "fleet/verbs.h"
#include "terminal/fields.h"
#include "terminal/output.h"

#include <errno.h>

static const Field fields[] = {
    {"HOST", "/host", NULL},           {"STATE", "/state", NULL},
    {"OUTCOME", "/outcome", NULL},     {"CREDENTIAL", "/credential", NULL},
    {"REPORTED", "/time", field_time}, {0},
};

static void print(const Options *options, const ReportCounts *counts, struct json_object *rows)
{
    struct json_object *object;

    if (options->json == JSON_OFF) {
        fields_print_table(&(FieldTable){.fields = fields, .legend = true, .fit = true}, rows);
        output_line(stdout, "%zu accepted, %zu failed, %zu waiting, %zu invalid.", counts->accepted,
                    counts->failed, counts->waiting, counts->invalid);
        return;
    }
    object = json_object_new_object();
    json_add_number(object, "accepted", counts->accepted);
    json_add_number(object, "failed", counts->failed);
    json_add_number(object, "waiting", counts->waiting);
    json_add_number(object, "invalid", counts->invalid);
    json_add(object, "hosts", json_object_get(rows));
    output_json(object, options->json);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(fleet_admin_done) FleetAdmin admin = {0};
    _cleanup_(bytes_done) Bytes statement = {0};
    _cleanup_(json_object_putp) struct json_object *rows = NULL;
    ReportCounts counts = {0};
    Reason reason = {0};
    int r = repository_open(options->repository, false, &reason, &repository);

    (void)arguments;
    if (r == 0)
        r = fleet_admin_load(context, repository.file.fleet, &reason, &admin);
    if (r == 0)
        r = repository_read(&repository, NULL, STATEMENT_FILE, LIMIT_STATEMENT_BYTES, &reason,
                            &statement);
    if (r == -ENOENT)
        r = reason_set(&reason, OUTCOME_NOT_SIGNED,
                       "this repository has no statement. Sign: nspawn-creds fleet sign");
    if (r == 0)
        r = reports_fetch(&repository, admin.carrier, bytes_view(&statement), &reason, &counts,
                          &rows);
    if (r != 0)
        return output_error(r, NULL, &reason);
    print(options, &counts, rows);
    return counts.failed + counts.invalid > 0 ? OUTCOME_PROBLEMS : 0;
}

const Verb fleet_status = {
    .name = "fleet status",
    .arguments = "",
    .summary = "Show what the hosts report about the last statement",
    .details =
        "Fetches the hosts' reports from the carrier, and verifies them with the keys in the\n"
        "hosts' identities. A host is \"waiting\" as long as it has not reported about the\n"
        "statement in the repository.",
    .options = OPTION_REPOSITORY | OPTION_JSON,
    .run = run,
};
