/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet status: what the hosts report about the last statement.
 */

#include "base/array.h"
#include "base/json.h"
#include "base/timestamp.h"
#include "fleet/admin.h"
#include "fleet/reports.h"
#include "fleet/rollout.h"
#include "fleet/signing.h"
#include "fleet/verbs.h"
#include "protocol/varlink.h"
#include "terminal/fields.h"
#include "terminal/output.h"

#include <inttypes.h>
#include <stdio.h>

static void field_wave(struct json_object *value, FILE *stream)
{
    if (json_object_get_boolean(value))
        fputs("yes", stream);
}

static const Field fields[] = {
    {"HOST", "/host", NULL},           {"WAVE", "/wave", field_wave},
    {"STATE", "/state", NULL},         {"STATEMENT", "/sequence", NULL},
    {"OUTCOME", "/outcome", NULL},     {"CREDENTIAL", "/credential", NULL},
    {"REPORTED", "/time", field_time}, {0},
};

/* Says what to do about the failure RC of the host in ROW, and of MORE others; _OUTCOME_MAX for a
 * report that is not valid or has an outcome that this version does not know. */
static void print_remedy(int rc, struct json_object *row, size_t more)
{
    const char *host = varlink_text(row, "host"), *reason = varlink_text(row, "reason"),
               *credential = varlink_text(row, "credential"), *remedy;
    char text[OUTCOME_REMEDY_BYTES], others[32] = "";
    CredentialName name = {0};

    if (more > 0)
        snprintf(others, sizeof(others), " and %zu more", more);
    if (rc == _OUTCOME_MAX) {
        output_line(
            stdout,
            "%s%s: the report is not signed with the key in hosts/%s.json, or is of a newer "
            "version. If the host was installed again, fetch its identity: nspawn-creds host "
            "export",
            host, others, host);
        return;
    }
    if (credential)
        (void)credential_name_parse(credential, NULL, &name);
    remedy = outcome_remedy_for(rc, name.machine, name.id, text);
    if (remedy && strstr(remedy, "nspawn-creds set ")) { /* that is for a host's own store */
        snprintf(text, sizeof(text),
                 "Seal again for the host as it is now: ssh root@%s nspawn-creds host export | "
                 "nspawn-creds fleet add host %s, then: nspawn-creds fleet seal",
                 host, host);
        remedy = text;
    }
    output_line(stdout, "%s%s: %s%s%s%s%s.", host, others, outcome_sentence(rc), reason ? ": " : "",
                reason ? reason : "", remedy ? ". " : "", remedy ? remedy : "");
}

/* Says what to do about each way in which hosts have failed, once, with the first of these hosts.
 */
static void print_remedies(struct json_object *rows)
{
    size_t hosts[_OUTCOME_MAX + 1] = {0}; /* the last is for reports that are not valid */
    struct json_object *first[_OUTCOME_MAX + 1] = {0};

    for (size_t i = 0; i < json_length(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        const char *state = varlink_text(row, "state");
        bool failed = strcmp(state, "failed") == 0;
        int rc = failed ? outcome_find(varlink_text(row, "outcome")) : 0;
        size_t which = failed && rc > 0 ? (size_t)rc : _OUTCOME_MAX;

        if (!failed && strcmp(state, "invalid") != 0)
            continue;
        if (hosts[which]++ == 0)
            first[which] = row;
    }
    for (size_t i = 0; i <= _OUTCOME_MAX; i++)
        if (hosts[i] > 0)
            print_remedy((int)i, first[i], hosts[i] - 1);
}

static void print(const Options *options, const ReportCounts *counts, struct json_object *rows,
                  const Statement *statement)
{
    char issued[TIMESTAMP_TEXT_BYTES], until[TIMESTAMP_TEXT_BYTES];
    struct json_object *object;

    if (options->json == JSON_OFF) {
        fields_print_table(&(FieldTable){.fields = fields, .legend = true, .fit = true}, rows);
        print_remedies(rows);
        timestamp_format(statement->issued, issued);
        timestamp_format(statement->not_after, until);
        output_line(stdout, "Statement %" PRIu64 ", issued %s, valid until %s.",
                    statement->sequence, issued, until);
        output_line(stdout, "%zu accepted, %zu failed, %zu waiting, %zu invalid.", counts->accepted,
                    counts->failed, counts->waiting, counts->invalid);
        return;
    }
    object = json_object_new_object();
    json_add_number(object, "sequence", statement->sequence);
    json_add_number(object, "issued", statement->issued);
    json_add_number(object, "notAfter", statement->not_after);
    json_add_number(object, "accepted", counts->accepted);
    json_add_number(object, "failed", counts->failed);
    json_add_number(object, "waiting", counts->waiting);
    json_add_number(object, "invalid", counts->invalid);
    json_add(object, "hosts", json_object_get(rows));
    output_json(object, options->json);
}

/* Reads the statement, and the sequence of the last one that was verified here. */
static int read_statement(const Context *context, const Repository *repository,
                          const FleetAdmin *admin, Reason *reason, SignedStatement *ret,
                          uint64_t *ret_verified)
{
    _cleanup_(fleet_verified_done) FleetVerified verified = {0};
    int r = signed_statement_load(repository, admin, context->now(context), reason, ret);

    if (r == 0 && !ret->known)
        output_note("Signatures were not checked: this machine has no file of allowed signers.");
    if (r == 0)
        r = fleet_verified_load(context, repository->file.fleet, reason, &verified);
    if (r == 0 && ret->text.size == 0)
        r = reason_set(reason, OUTCOME_UNSIGNED, "this repository has no statement");
    *ret_verified = verified.sequence;
    return r;
}

/* Adds to ROWS whether the host is in the wave, and the sequence that it has reported about. */
static int add_waves(const Repository *repository, struct json_object *rows, Reason *reason)
{
    _cleanup_(strings_freep) char **wave = NULL;
    _cleanup_(freep) char *history = NULL;
    size_t count = 0;
    int r = host_names_read(repository, STATEMENT_WAVE, reason, &wave, &count);

    if (r == 0)
        r = history_read(repository, reason, &history);
    for (size_t i = 0; r == 0 && i < json_length(rows); i++) {
        struct json_object *row = json_object_array_get_idx(rows, i);
        const char *digest = varlink_text(row, "statement");
        uint64_t sequence = digest ? history_find(history, digest) : 0;

        json_add(row, "wave",
                 json_object_new_boolean(host_names_have(wave, count, varlink_text(row, "host"))));
        if (sequence > 0)
            json_add_number(row, "sequence", sequence);
    }
    return r;
}

static int run(const Context *context, const Options *options, char **)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(fleet_admin_done) FleetAdmin admin = {0};
    _cleanup_(signed_statement_done) SignedStatement statement = {0};
    _cleanup_(json_object_putp) struct json_object *rows = NULL;
    ReportCounts counts = {0};
    Reason reason = {0}, without = {0};
    uint64_t verified = 0;
    int r = repository_open(options->repository, false, &reason, &repository);

    if (r == 0)
        r = fleet_admin_load(context, repository.file.fleet, &reason, &admin);
    if (r == 0)
        r = read_statement(context, &repository, &admin, &reason, &statement, &verified);
    /* hosts would seem to be silent */
    if (r == 0 && admin.carrier && rollout_check(admin.carrier, &without) == OUTCOME_USAGE)
        output_note("%s.", without.text);
    if (r == 0)
        r = reports_fetch(&repository, admin.carrier, bytes_view(&statement.text), &reason, &counts,
                          &rows);
    if (r == 0)
        r = add_waves(&repository, rows, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    print(options, &counts, rows, &statement.statement);
    /* whether hosts would accept it now */
    r = signed_statement_check(&statement, admin.threshold, verified, context->now(context),
                               &reason);
    if (r != 0 && r != OUTCOME_EXPIRING)
        return output_error(r, NULL, &reason);
    return counts.failed + counts.invalid > 0 ? OUTCOME_HOSTS_FAILED : 0;
}

const Verb fleet_status = {
    .name = "fleet status",
    .arguments = "",
    .summary = "Show what the hosts report about the last statement",
    .details =
        "Fetches the hosts' reports from the carrier, and verifies them with the keys in the\n"
        "hosts' identities. A host is \"waiting\" as long as it has not reported about the\n"
        "statement in the repository, and \"invalid\" if its report is not signed by it.",
    .options = OPTION_REPOSITORY | OPTION_JSON,
    .run = run,
};
