/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/reports.h"

#include "base/base64.h"
#include "base/json.h"
#include "carrier_run.h"
#include "fleet/parallel.h"
#include "fleet/report.h"

#include <errno.h>
#include <string.h>

/* A line of what the courier prints: a report in base64, and its name. */
#define LINE_BYTES_MAX (LIMIT_REPORT_BYTES / 3 * 4 + 256)
/* A process is worth so many reports, of some 0.1 ms each. */
#define WORTH          ((size_t)200)

/* A report, once it is verified. */
typedef struct Verdict {
    int rc; /* OUTCOME_NOT_SIGNED if it is not valid */
    Report report;
} Verdict;

typedef struct Reports {
    Repository repository; /* a copy, whose descriptor a child changes */
    char statement[DIGEST_TEXT_BYTES];
    const char **texts; /* of the hosts, by their index, in base64; "" if there is none */
    ReportCounts counts;
    struct json_object *rows;
} Reports;

/* Decodes and verifies TEXT, the report of HOST in base64. */
static int decode_and_verify(const Reports *reports, const char *host, const char *text,
                             Report *ret)
{
    _cleanup_(identity_done) Identity identity = {0};
    _cleanup_(bytes_done) Bytes report = {0};
    int r = base64_decode(text_view(text), &report);

    if (r == 0)
        r = repository_read_identity(&reports->repository, host, NULL, &identity);
    if (r == 0 && identity.report.size == 0)
        r = OUTCOME_NOT_SIGNED;
    if (r == 0)
        r = report_verify(bytes_view(&report), bytes_view(&identity.report), NULL, ret);
    if (r == 0 &&
        (strcmp(ret->fleet, reports->repository.file.fleet) != 0 || strcmp(ret->host, host) != 0))
        r = OUTCOME_NOT_SIGNED;
    return r;
}

/* Verifies the report of the host INDEX, if there is one. */
static int verify(void *userdata, size_t index, void *ret, Reason *)
{
    const Reports *reports = userdata;
    Verdict *verdict = ret;
    int r = 0;

    if (*reports->texts[index])
        r = decode_and_verify(reports, reports->repository.hosts[index].name, reports->texts[index],
                              &verdict->report);
    if (r == -ENOMEM)
        return r;
    verdict->rc = r < 0 ? OUTCOME_NOT_SIGNED : r; /* no identity, or no report at all */
    return 0;
}

/* --- rows --- */

/* Adds the row of the host INDEX. */
static int add_row(Reports *reports, size_t index, const Verdict *verdict)
{
    struct json_object *row = json_object_new_object();
    const Report *report = &verdict->report;
    bool valid = verdict->rc == 0,
         about_this = valid && strcmp(report->statement, reports->statement) == 0,
         accepted = report->outcome == 0 || report->outcome == OUTCOME_POSTPONED; /* for later */

    reports->counts.invalid += !valid;
    reports->counts.waiting += valid && !about_this;
    reports->counts.accepted += about_this && accepted;
    reports->counts.failed += about_this && !accepted;
    json_add_text(row, "host", reports->repository.hosts[index].name);
    json_add_text(row, "state",
                  !valid        ? "invalid"
                  : !about_this ? "waiting"
                  : accepted    ? "accepted"
                                : "failed");
    if (valid && *reports->texts[index]) {
        json_add_text(row, "statement", report->statement);
        json_add_text(row, "outcome", outcome_name(report->outcome));
        json_add_number(row, "time", report->time);
        json_add_flag(row, "applied", report->applied);
        json_add_flag(row, "pending", report->pending);
        json_add_flag(row, "noApply", report->no_apply);
        json_add_text(row, "credential", report->credential[0] ? report->credential : NULL);
        json_add_text(row, "reason", report->reason[0] ? report->reason : NULL);
    }
    return json_append(reports->rows, row) ? 0 : -ENOMEM;
}

static int add_rows(Reports *reports, Reason *reason)
{
    size_t count = reports->repository.host_count;
    _cleanup_(freep) Verdict *verdicts = calloc(count + 1, sizeof(verdicts[0]));
    Parallel parallel = {
        .count = count,
        .least = WORTH,
        .result_size = sizeof(verdicts[0]),
        .fd = &reports->repository.fd,
        .userdata = reports,
        .each = verify,
    };
    int r = verdicts ? parallel_run(&parallel, verdicts, reason) : -ENOMEM;

    for (size_t i = 0; r == 0 && i < count; i++)
        r = add_row(reports, i, &verdicts[i]);
    return r;
}

/* --- fetching --- */

/* Finds the reports in OUTPUT, which has a line "NAME\tBASE64" for each. */
static void find_texts(Reports *reports, char *output)
{
    char *line;

    while ((line = strsep(&output, "\n"))) {
        char *tab = strchr(line, '\t'), *name;
        const RepositoryHost *host;

        if (!tab)
            continue;
        *tab = '\0';
        name = strrchr(line, '/');
        host = name ? repository_host(&reports->repository, name + 1) : NULL;
        if (host)
            reports->texts[host - reports->repository.hosts] = tab + 1;
    }
}

/* Fetches all reports at once. RET is what the courier prints. */
static int fetch(const Reports *reports, struct json_object *carrier, Reason *reason, char **ret)
{
    const Repository *repository = &reports->repository;
    _cleanup_(writer_done) Writer names = {0};

    for (size_t i = 0; i < repository->host_count; i++)
        writer_format(&names, "v1/%s/reports/%s\n", repository->file.fleet,
                      repository->hosts[i].name);
    return carrier_run(carrier, "reports", NULL, &names, repository->host_count * LINE_BYTES_MAX,
                       reason, ret);
}

int reports_fetch(const Repository *repository, struct json_object *carrier, BytesView statement,
                  Reason *reason, ReportCounts *ret, struct json_object **ret_rows)
{
    _cleanup_(json_object_putp) struct json_object *rows = json_object_new_array();
    _cleanup_(freep) const char **texts = calloc(repository->host_count + 1, sizeof(texts[0]));
    _cleanup_(freep) char *output = NULL;
    Reports reports = {.repository = *repository, .texts = texts, .rows = rows};
    int r = rows && texts ? 0 : -ENOMEM;

    digest_format(statement, reports.statement);
    if (r == 0 && repository->host_count > 0)
        r = fetch(&reports, carrier, reason, &output);
    for (size_t i = 0; r == 0 && i < repository->host_count; i++)
        texts[i] = "";
    if (r == 0 && output)
        find_texts(&reports, output);
    if (r == 0)
        r = add_rows(&reports, reason);
    if (r != 0)
        return r;
    *ret = reports.counts;
    *ret_rows = TAKE_PTR(rows);
    return 0;
}
