/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/reports.h"

#include "base/base64.h"
#include "base/json.h"
#include "fleet/carrier.h"
#include "fleet/report.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Reports that are fetched at a time, and their size with their names, in base64. */
#define AT_A_TIME      ((size_t)256)
#define LINE_BYTES_MAX (REPORT_BYTES_MAX / 3 * 4 + 256)

typedef struct Reports {
    const Repository *repository;
    char statement[DIGEST_TEXT_BYTES];
    ReportCounts counts;
    struct json_object *rows;
} Reports;

/* Decodes and verifies TEXT, the report of HOST in base64. */
static int verify(const Reports *reports, const char *host, const char *text, Report *ret)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(bytes_done) Bytes report = {0};
    int r = base64_decode(text_view(text), &report);

    if (r == 0)
        r = repository_read_identity(reports->repository, host, NULL, &identity);
    if (r == 0 && identity.report.size == 0)
        r = OUTCOME_NOT_SIGNED;
    if (r == 0)
        r = report_verify(bytes_view(&report), bytes_view(&identity.report), NULL, ret);
    if (r == 0 &&
        (strcmp(ret->fleet, reports->repository->file.fleet) != 0 || strcmp(ret->host, host) != 0))
        r = OUTCOME_NOT_SIGNED;
    return r;
}

/* Adds the row of HOST. TEXT is empty if there is no report. */
static int add_row(Reports *reports, const char *host, const char *text)
{
    struct json_object *row = json_object_new_object();
    Report report = {0};
    int r = *text ? verify(reports, host, text, &report) : 0;
    bool about_this = strcmp(report.statement, reports->statement) == 0;

    if (r == -ENOMEM)
        return r;
    if (r < 0) /* no identity, or no report at all */
        r = OUTCOME_NOT_SIGNED;
    reports->counts.invalid += r > 0;
    reports->counts.waiting += r == 0 && !about_this;
    reports->counts.accepted += r == 0 && about_this && report.outcome == 0;
    reports->counts.failed += r == 0 && about_this && report.outcome != 0;
    json_add_text(row, "host", host);
    json_add_text(row, "state",
                  r > 0                 ? "invalid"
                  : !about_this         ? "waiting"
                  : report.outcome == 0 ? "accepted"
                                        : "failed");
    if (r == 0 && *text) {
        json_add_text(row, "statement", report.statement);
        json_add_text(row, "outcome", outcome_name(report.outcome));
        json_add_number(row, "time", report.time);
        if (report.applied)
            json_add(row, "applied", json_object_new_boolean(true));
        json_add_text(row, "credential", report.credential[0] ? report.credential : NULL);
        json_add_text(row, "reason", report.reason[0] ? report.reason : NULL);
    }
    return json_append(reports->rows, row) ? 0 : -ENOMEM;
}

/* Adds the rows of COUNT hosts from FIRST, from OUTPUT: a line for each, in this order. */
static int add_rows(Reports *reports, size_t first, size_t count, char *output)
{
    int r = 0;

    for (size_t i = first; r == 0 && i < first + count; i++) {
        char *line = strsep(&output, "\n"), *tab = line ? strchr(line, '\t') : NULL;

        r = add_row(reports, reports->repository->hosts[i].name, tab ? tab + 1 : "");
    }
    return r;
}

static int fetch_some(Reports *reports, struct json_object *carrier, size_t first, size_t count,
                      Reason *reason)
{
    _cleanup_(writer_done) Writer names = {0};
    _cleanup_(secret_freep) Secret *output = NULL;
    _cleanup_(freep) char *text = NULL;
    int r;

    for (size_t i = first; i < first + count; i++) {
        writer_text(&names, "v1/");
        writer_text(&names, reports->repository->file.fleet);
        writer_text(&names, "/reports/");
        writer_text(&names, reports->repository->hosts[i].name);
        writer_text(&names, "\n");
    }
    r = names.failed ? -ENOMEM
                     : carrier_run(carrier, "reports", NULL, bytes_view(&names.bytes),
                                   count * LINE_BYTES_MAX, reason, &output);
    if (r != 0)
        return r;
    text = strndup((const char *)secret_borrow(output), secret_size(output));
    return text ? add_rows(reports, first, count, text) : -ENOMEM;
}

int reports_fetch(const Repository *repository, struct json_object *carrier, BytesView statement,
                  Reason *reason, ReportCounts *ret, struct json_object **ret_rows)
{
    _cleanup_(json_object_putp) struct json_object *rows = json_object_new_array();
    Reports reports = {.repository = repository, .rows = rows};
    int r = rows ? 0 : -ENOMEM;

    digest_format(statement, reports.statement);
    for (size_t first = 0; r == 0 && first < repository->host_count; first += AT_A_TIME) {
        size_t rest = repository->host_count - first;

        r = fetch_some(&reports, carrier, first, rest < AT_A_TIME ? rest : AT_A_TIME, reason);
    }
    if (r != 0)
        return r;
    *ret = reports.counts;
    *ret_rows = TAKE_PTR(rows);
    return 0;
}
