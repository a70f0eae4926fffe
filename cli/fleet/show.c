/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet show, reset: what this host has accepted of its fleets.
 */

#include "base/array.h"
#include "base/json.h"
#include "client/store_client.h"
#include "fleet/fleet_status.h"
#include "fleet/verbs.h"
#include "protocol/varlink.h"
#include "terminal/fields.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/screen.h"

#include <string.h>

/* --- show --- */

static const char *state_of(const FleetStatus *status, uint64_t now)
{
    if (status->rc != 0)
        return outcome_name(status->rc);
    if (status->signers < status->threshold)
        return status->removed[0] ? "signers removed" : "too few signers";
    return fleet_status_is_old(status, now) ? "old" : "ok";
}

/* Adds texts for the table, which JSON does not have. */
static void add_words(const FleetStatus *status, uint64_t now, struct json_object *object)
{
    char text[OPEN_CHECK_EXPIRY_BYTES];

    if (status->sequence > 0) {
        open_check_format_expiry(status->issued, now, text);
        json_add_text(object, "issued", text);
        open_check_format_expiry(status->not_after, now, text);
        json_add_text(object, "notAfter", text);
    }
    if (status->threshold > 0) {
        open_check_format_expiry(status->signers_until, now, text);
        json_add_text(object, "signersUntil",
                      status->signers_until == 0               ? "too few may sign now"
                      : status->signers_until == USEC_INFINITY ? "no end"
                                                               : text);
    }
}

/* The table, and below it why a state is not as it should be. */
static void print_list(struct json_object *list)
{
    static const Field fields[] = {{"FLEET", "/fleet", NULL},
                                   {"SEQUENCE", "/sequence", NULL},
                                   {"ISSUED", "/issued", NULL},
                                   {"NOT AFTER", "/notAfter", NULL},
                                   {"CREDENTIALS", "/credentials", NULL},
                                   {"STATE", "/state", NULL},
                                   {0}};

    fields_print_table(&(FieldTable){.fields = fields, .legend = true}, list);
    for (size_t i = 0; i < json_length(list); i++) {
        struct json_object *fleet = json_object_array_get_idx(list, i);
        const char *reason = varlink_text(fleet, "reason");

        if (reason)
            output_line(stdout, "%s: %s.", varlink_text(fleet, "fleet"), reason);
    }
}

static int list_fleets(const Context *context, const Options *options, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();
    _cleanup_(strings_freep) char **names = NULL;
    uint64_t now = context->now(context);
    int r = fleet_status_list(context, options->host->store, reason, &names);

    for (char **name = names; r == 0 && *name; name++) {
        struct json_object *object;
        FleetStatus status;

        r = fleet_status_load(context, options->host->store, *name, &status);
        if (r != 0)
            break;
        object = fleet_status_to_json(&status);
        json_add_text(object, "state", state_of(&status, now));
        if (options->json == JSON_OFF)
            add_words(&status, now, object);
        json_append(list, object);
    }
    if (r != 0)
        return r;
    if (options->json != JSON_OFF)
        output_json(json_object_get(list), options->json);
    else if (json_length(list) > 0)
        print_list(list);
    else
        output_note("This host is in no fleet: there is no " FLEET_CONFIG_FOLDER "/NAME.json.");
    return 0;
}

static void field_file(struct json_object *file, FILE *stream)
{
    fputs(varlink_text(file, "outcome"), stream);
    if (json_object_object_get(file, "restored"))
        fputs(", the previous value is served", stream);
    if (json_object_object_get(file, "pending"))
        fputs(", sealed for a later boot", stream);
}

static struct json_object *describe_files(const FleetSet *set)
{
    struct json_object *list = json_object_new_array();
    char name[CREDENTIAL_NAME_TEXT_BYTES];

    for (size_t i = 0; i < set->manifest.count; i++) {
        const ManifestCredential *credential = &set->manifest.credentials[i];
        struct json_object *object = json_object_new_object();
        _cleanup_(bytes_done) Bytes file = {0};
        Reason reason = {0};
        int rc = fleet_set_read(set, &credential->name, &reason, &file);

        credential_name_format(&credential->name, name);
        json_add_text(object, "credential", name);
        json_add_number(object, "size", credential->size);
        json_add_text(object, "sha256", credential->sha256);
        json_add_flag(object, "pending", value_changes_find(&set->pending, &credential->name));
        json_add_flag(object, "restored", value_changes_find(&set->restored, &credential->name));
        json_add_text(object, "outcome", outcome_name(rc));
        json_add_text(object, "reason", rc != 0 ? reason.text : NULL);
        json_append(list, object);
    }
    return list;
}

/* The services' outcome, if there was anything to do. */
static void add_applied(const FleetSet *set, struct json_object *object)
{
    FleetApplied applied;
    char text[sizeof(applied.credential) + 64];

    if (fleet_set_applied(set, NULL, &applied) != 0 || strcmp(applied.statement, set->digest) != 0)
        return;
    snprintf(text, sizeof(text), "%s%s%s", outcome_name(applied.outcome),
             applied.credential[0] ? ", " : "", applied.credential);
    json_add_text(object, "services", text);
}

static int show_fleet(const Context *context, const Options *options, const char *fleet,
                      Reason *reason)
{
    static const Field fields[] = {{"Sequence:", "/sequence", NULL},
                                   {"Issued:", "/issued", NULL},
                                   {"Not after:", "/notAfter", NULL},
                                   {"Signers:", "/signers", NULL},
                                   {"Threshold:", "/threshold", NULL},
                                   {"Enough signers until:", "/signersUntil", NULL},
                                   {"Removed key:", "/removedSigner", NULL},
                                   {"Floor:", "/floor", NULL},
                                   {"Services:", "/services", NULL},
                                   {"State:", "/state", NULL},
                                   {0}};
    static const Field columns[] = {{"CREDENTIAL", "/credential", NULL},
                                    {"SIZE", "/size", field_bytes},
                                    {"STATE", "", field_file},
                                    {0}};
    _cleanup_(json_object_putp) struct json_object *object = NULL, *files = NULL;
    _cleanup_(fleet_set_done) FleetSet set = {0};
    FleetStatus status;
    int r = fleet_status_load(context, options->host->store, fleet, &status);

    if (r == 0)
        r = fleet_set_open(options->host->store, fleet, reason, &set);
    if (r != 0)
        return r;
    object = fleet_status_to_json(&status);
    json_add_text(object, "state", state_of(&status, context->now(context)));
    add_applied(&set, object);
    files = describe_files(&set);
    if (options->json != JSON_OFF) {
        json_add(object, "files", json_object_get(files));
        output_json(json_object_get(object), options->json);
    } else {
        add_words(&status, context->now(context), object);
        screen_put(COLOUR_TITLE, fleet);
        putchar('\n');
        fields_print(object, fields);
        printf("\n");
        fields_print_table(&(FieldTable){.fields = columns, .legend = true}, files);
    }
    if (status.rc != 0)
        *reason = status.reason;
    return status.rc;
}

static int check_name(const char *fleet, Reason *reason)
{
    return fleet_name_valid(fleet)
               ? 0
               : reason_set(reason, OUTCOME_USAGE, "\"%.80s\" is not the name of a fleet", fleet);
}

static int run_show(const Context *context, const Options *options, char **arguments)
{
    Reason reason = {0};
    int r = arguments[0] ? check_name(arguments[0], &reason) : 0;

    if (r == 0)
        r = arguments[0] ? show_fleet(context, options, arguments[0], &reason)
                         : list_fleets(context, options, &reason);
    return r == 0 ? 0 : output_error(r, arguments[0], &reason);
}

const Verb fleet_show = {
    .name = "fleet show",
    .arguments = "[NAME]",
    .summary = "Show what this host has accepted of its fleets",
    .details = "Lists the fleets of this host, or shows the accepted set of one: sequence, age, "
               "signers, and\nwhether each file is still the one that they signed. Only root may "
               "read the accepted sets.",
    .options = OPTION_JSON,
    .run = run_show,
};

/* --- reset --- */

/* Somebody who can make this host accept an old set again is worth an entry. */
static void record_reset(const FleetSet *set)
{
    audit_write(audited_commit_journal(), &(AuditRecord){
                                              .verdict = AUDIT_RESET,
                                              .peer_pid = getpid(),
                                              .peer_uid = getuid(),
                                              .fleet = set->fleet,
                                              .sequence = set->statement.sequence,
                                          });
}

static int confirm_reset(const Options *options, const FleetSet *set, Reason *reason)
{
    if (set->statement.sequence == 0)
        return confirm(options, reason,
                       "The accepted set of the fleet %s is damaged, or cannot be read. Accept any "
                       "sequence next, also "
                       "an old one that a carrier may have kept?",
                       set->fleet);
    return confirm(options, reason,
                   "Accept any sequence of the fleet %s next, also one below %llu that a carrier "
                   "may have kept? Until then, the accepted set stays.",
                   set->fleet, (unsigned long long)set->statement.sequence);
}

static int run_reset(const Context *, const Options *options, char **arguments)
{
    _cleanup_(fleet_set_done) FleetSet set = {0};
    Reason reason = {0};
    int r = check_name(arguments[0], &reason);

    if (r == 0)
        r = fleet_set_open_damaged(options->host->store, arguments[0], &reason, &set);
    if (r == 0)
        r = confirm_reset(options, &set, &reason);
    if (r == 0)
        r = fleet_set_reset(&set, &reason);
    if (r == 0)
        record_reset(&set);
    return r == 0 ? 0 : output_error(r, arguments[0], &reason);
}

const Verb fleet_reset = {
    .name = "fleet reset",
    .arguments = "NAME",
    .summary = "Let this host accept a lower sequence of a fleet once",
    .details = "A host refuses statements with a lower sequence than it has accepted. After the "
               "administrators\nhad to start again with a lower one, this lets the next "
               "statement have any sequence. It must be signed\nlike every other, and old ones "
               "are: make sure that the carrier offers the right one. Only root.",
    .options = OPTION_NO_ASK,
    .run = run_reset,
};
