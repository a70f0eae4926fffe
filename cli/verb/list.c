/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds list: lists the credentials in the store and in the policies.
 */

#include "client/broker_check.h"
#include "client/store_client.h"
#include "hint.h"
#include "specs.h"
#include "terminal/fields.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>

/* --- expiry --- */

/* False for one that is only in a policy. */
static bool is_stored(struct json_object *entry)
{
    return json_object_object_get_ex(entry, "writtenUSec", NULL) ||
           json_object_object_get_ex(entry, "sequence", NULL);
}

/* Opens the credential of ENTRY, and adds the result. */
static int add_expiry(const StoreClient *store, Unsealer *unsealer, struct json_object *entry)
{
    _cleanup_(store_client_entry_done) StoreClientEntry file = {0};
    OpenCheck check = {0};
    CredentialName name;

    check.rc = credential_name_new(varlink_text(entry, "machine"),
                                   varlink_text(entry, "credential"), &check.reason, &name);
    if (check.rc == 0)
        check.rc = store_client_read_delivered(store, varlink_text(entry, "fleet"), &name,
                                               &check.reason, &file, NULL);
    if (check.rc == 0)
        open_check_entry(varlink_text(entry, "fleet") ? NULL : store->store, unsealer, &file,
                         &check);
    /* the broker's answer is worth more */
    if (!varlink_text(entry, "outcome") &&
        (!json_add_text(entry, "outcome", outcome_name(check.rc)) ||
         (check.rc != 0 && check.reason.text[0] &&
          !json_add_text(entry, "reason", check.reason.text))))
        return -ENOMEM;
    if (open_check_knows_expiry(&check) && check.metadata.not_after != USEC_INFINITY &&
        !json_add(entry, "expiresUSec", json_object_new_int64((int64_t)check.metadata.not_after)))
        return -ENOMEM;
    return 0;
}

static int compare_names(const void *left, const void *right)
{
    struct json_object *const *a = left, *const *b = right;
    int order = strcmp(varlink_text(*a, "machine"), varlink_text(*b, "machine"));

    return order != 0 ? order
                      : strcmp(varlink_text(*a, "credential"), varlink_text(*b, "credential"));
}

/* Sorts those that do not open first, then by time of expiry; those that never expire come last. */
static uint64_t urgency(struct json_object *entry)
{
    const char *outcome = varlink_text(entry, "outcome");
    struct json_object *expires;

    if (json_object_object_get_ex(entry, "expiresUSec", &expires))
        return (uint64_t)json_object_get_int64(expires);
    return !is_stored(entry) || (outcome && strcmp(outcome, outcome_name(0)) == 0) ? USEC_INFINITY
                                                                                   : 0;
}

static int compare_urgency(const void *left, const void *right)
{
    struct json_object *const *a = left, *const *b = right;
    uint64_t first = urgency(*a), second = urgency(*b);

    return first < second ? -1 : first > second ? 1 : compare_names(left, right);
}

static int add_expiries(const Context *context, const Options *options, Reason *reason,
                        struct json_object *credentials)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(context, options);
    _cleanup_(store_client_done) StoreClient store = {0};
    size_t count = json_object_array_length(credentials);
    int r = spec_open_store(options, reason, &store);

    unsealer.spec.now = USEC_INFINITY;
    for (size_t i = 0; r == 0 && i < count; i++) {
        struct json_object *entry = json_object_array_get_idx(credentials, i);

        progress_count(i + 1, count);
        if (is_stored(entry))
            r = add_expiry(&store, &unsealer, entry);
    }
    if (r == 0)
        json_object_array_sort(credentials, compare_urgency);
    return r;
}

/* --- what the broker would deliver --- */

/* Adds to ENTRY what the broker says of it, if it is among CHECKED. Returns whether it is refused.
 */
static bool add_answer(struct json_object *entry, struct json_object *checked)
{
    for (size_t i = 0; i < json_length(checked); i++) {
        struct json_object *answer = json_object_array_get_idx(checked, i);
        Reason reason;

        if (strcmp(varlink_text(answer, "credential"), varlink_text(entry, "credential")) != 0)
            continue;
        json_object_object_del(entry, "problem");
        json_add_text(entry, "outcome", varlink_text(answer, "outcome"));
        json_object_object_del(entry, "reason");
        json_add_text(entry, "reason", varlink_text(answer, "reason"));
        return broker_check_outcome(answer, &reason) != 0;
    }
    return false;
}

/* Asks about the credentials FIRST to END, which are of one machine. Without a policy there is no
 * list of them to ask for; with an invalid one all are refused, as List has said. */
static int ask_machine(const Context *context, struct json_object *credentials, size_t first,
                       size_t end, Reason *reason, bool *ret_refused)
{
    _cleanup_(json_object_putp) struct json_object *checked = json_object_new_array();
    BrokerCheck check = {
        .context = context,
        .machine = varlink_text(json_object_array_get_idx(credentials, first), "machine")};
    int r = broker_check(CLIENT_DEFAULT_PATH, &check, &terminal_observer, reason, checked);

    if (r == OUTCOME_NOT_FOUND) {
        r = 0;
        for (size_t i = first; r == 0 && i < end; i++) {
            check.id = varlink_text(json_object_array_get_idx(credentials, i), "credential");
            r = broker_check(CLIENT_DEFAULT_PATH, &check, &terminal_observer, reason, checked);
        }
    }
    for (size_t i = first; i < end; i++)
        if (add_answer(json_object_array_get_idx(credentials, i), checked))
            *ret_refused = true;
    if (r == OUTCOME_BAD_POLICY)
        *ret_refused = true;
    return r == OUTCOME_BAD_POLICY ? 0 : r;
}

/* CREDENTIALS are sorted by machine. */
static int ask_broker(const Context *context, struct json_object *credentials, Reason *reason,
                      bool *ret_refused)
{
    size_t count = json_length(credentials), end;
    int r = 0;

    for (size_t first = 0; r == 0 && first < count; first = end) {
        const char *machine =
            varlink_text(json_object_array_get_idx(credentials, first), "machine");

        for (end = first + 1; end < count; end++)
            if (strcmp(varlink_text(json_object_array_get_idx(credentials, end), "machine"),
                       machine) != 0)
                break;
        progress_count(end, count);
        r = ask_machine(context, credentials, first, end, reason, ret_refused);
    }
    progress_count(0, 0);
    return r;
}

/* --- the table --- */

/* "7, signed 11", "none", or nothing without a TPM. */
static void pcrs(struct json_object *entry, FILE *stream)
{
    struct json_object *literal = json_object_object_get(entry, "pcrs");
    struct json_object *by_key = json_object_object_get(entry, "signedPcrs");

    if (!literal)
        return;
    if (json_length(literal) > 0 || json_length(by_key) == 0)
        field_pcrs(literal, stream);
    if (json_length(by_key) > 0) {
        fputs(json_length(literal) > 0 ? ", signed " : "signed ", stream);
        field_pcrs(by_key, stream);
    }
}

static void state(struct json_object *entry, FILE *stream)
{
    const char *problem = varlink_text(entry, "problem");
    const char *outcome = varlink_text(entry, "outcome");

    fputs(problem ? problem : outcome ? outcome : "ok", stream);
    if (varlink_text(entry, "fleet")) {
        fputs(", fleet ", stream);
        field_fleet(entry, stream);
    } else if (varlink_flag(entry, "sealedOutside"))
        fputs(", sealed outside this TPM", stream);
    if (varlink_flag(entry, "predecessor"))
        fputs(", sealed for a predicted state", stream);
}

static Colour colour(struct json_object *entry)
{
    const char *outcome = varlink_text(entry, "outcome");

    return varlink_text(entry, "problem") || (outcome && strcmp(outcome, outcome_name(0)) != 0)
               ? COLOUR_BAD
               : COLOUR_NONE;
}

static void print(const Context *context, const Options *options, struct json_object *credentials)
{
    bool expiry = options->expiry, tree = !expiry && screen_is_terminal();
    static const Field expires_field = {"EXPIRES", "/expires", NULL},
                       state_field = {"STATE", "", state};
    const Field fields[] = {{"MACHINE", "/machine", NULL},
                            {"CREDENTIAL", "/credential", NULL},
                            {"KIND", "/kind", NULL},
                            {"PCRS", "", pcrs},
                            {"WRITTEN", "/writtenUSec", field_time},
                            expiry ? expires_field : state_field,
                            expiry ? state_field : (Field){0},
                            {0}};

    for (size_t i = 0; expiry && i < json_object_array_length(credentials); i++) {
        struct json_object *entry = json_object_array_get_idx(credentials, i);
        char expires[OPEN_CHECK_EXPIRY_BYTES];

        if (!is_stored(entry) || urgency(entry) == 0)
            continue;
        open_check_format_expiry(urgency(entry), context->now(context), expires);
        json_add_text(entry, "expires", expires);
    }
    /* below its machine, a credential does not need its name */
    fields_print_table(&(FieldTable){.fields = fields + tree,
                                     .legend = !options->no_legend,
                                     .fit = !options->full,
                                     .group = tree ? fields[0].member : NULL,
                                     .colour = colour},
                       credentials);
}

/* --- the broker's answer --- */

typedef struct Collection {
    struct json_object *credentials;
    struct json_object *failures; /* the interface's type Failure */
} Collection;

static void collection_done(Collection *collection)
{
    json_object_put(collection->credentials);
    json_object_put(collection->failures);
}

/* Appends the elements of ADDED to ALL. Each must have the text members FIRST and SECOND. */
static int append_all(struct json_object *all, struct json_object *added, const char *first,
                      const char *second)
{
    for (size_t i = 0; i < json_length(added); i++) {
        struct json_object *entry = json_object_array_get_idx(added, i);

        if (!varlink_text(entry, first) || !varlink_text(entry, second))
            return -EPROTO;
        if (!json_append(all, json_object_get(entry)))
            return -ENOMEM;
    }
    return 0;
}

static int add_reply(void *userdata, struct json_object *reply)
{
    const Collection *all = userdata;
    struct json_object *credentials = json_object_object_get(reply, "credentials");
    struct json_object *failures = json_object_object_get(reply, "failures");
    int r;

    if (!json_object_is_type(credentials, json_type_array) ||
        (failures && !json_object_is_type(failures, json_type_array)))
        return -EPROTO;
    r = append_all(all->credentials, credentials, "machine", "credential");
    return r == 0 ? append_all(all->failures, failures, "outcome", "reason") : r;
}

/* Adds what the broker has of MACHINE, or of all machines, to ALL. */
static int collect(Client *client, const char *machine, Reason *reason, Collection *all)
{
    struct json_object *parameters = json_object_new_object();
    int r;

    if (!json_add_text(parameters, "machine", machine)) {
        json_object_put(parameters);
        return -ENOMEM;
    }
    r = client_observe(client, "List", parameters, add_reply, all, &terminal_observer, reason);
    if (r == -EPROTO && !reason->text[0])
        return reason_set(reason, r, "the broker's reply is not valid");
    return r;
}

static void note_none(const Context *context, const Options *options, const char *machine)
{
    Hint hint = hint_find(context, options, machine);

    if (hint.text[0])
        output_note("%s has no credentials%s", machine, hint.text);
    else
        output_note("%s has no credentials. Create one: nspawn-creds set %s@ID", machine, machine);
}

/* Adds what the broker has of MACHINE. If it refuses that, others can still be listed. */
static int collect_machine(const Context *context, const Options *options, Client *client,
                           const char *machine, Reason *reason, Collection *all)
{
    size_t before = json_length(all->credentials) + json_length(all->failures);
    struct json_object *failure;
    int r = collect(client, machine, reason, all);

    if (r == 0 && json_length(all->credentials) + json_length(all->failures) == before)
        note_none(context, options, machine);
    if (r == 0 || r == OUTCOME_BROKER_UNREACHABLE || (r < 0 && r != -EIO))
        return r;
    failure = json_object_new_object();
    json_add_text(failure, "machine", machine);
    json_add_text(failure, "outcome", outcome_name(r));
    json_add_text(failure, "reason", reason->text);
    return json_append(all->failures, failure) ? 0 : -ENOMEM;
}

/* Says what could not be listed. Returns the first failure. */
static int report_failures(struct json_object *failures)
{
    int result = 0;

    for (size_t i = 0; i < json_length(failures); i++) {
        struct json_object *failure = json_object_array_get_idx(failures, i);
        Reason reason;
        int rc = broker_check_outcome(failure, &reason);

        output_error(rc, varlink_text(failure, "machine"), &reason);
        if (result == 0)
            result = rc;
    }
    return result;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(collection_done) Collection all = {json_object_new_array(), json_object_new_array()};
    _cleanup_(client_freep) Client *client = NULL;
    const char *machine = NULL;
    Reason reason = {0};
    bool refused = false;
    int r = 0, failed;

    for (char **name = arguments; r == 0 && *name; name++)
        r = machine_name_check(machine = *name, &reason);
    if (r == 0)
        r = client_new(CLIENT_DEFAULT_PATH, &reason, &client);
    if (r == 0 && !arguments[0])
        r = collect(client, NULL, &reason, &all);
    for (char **name = arguments; r == 0 && *name; name++)
        r = collect_machine(context, options, client, machine = *name, &reason, &all);
    if (r != 0)
        output_error(r, machine, &reason);
    if (r == -EMSGSIZE && !machine)
        output_note("List fewer credentials: nspawn-creds list MACHINE");
    if (r != 0)
        return r;
    json_object_array_sort(all.credentials, compare_names);
    if (options->check)
        r = ask_broker(context, all.credentials, &reason, &refused);
    if (r == 0 && options->expiry)
        r = add_expiries(context, options, &reason, all.credentials);
    if (r != 0)
        return output_error(r, NULL, &reason);
    failed = report_failures(all.failures);
    screen_page(options);
    if (options->json != JSON_OFF)
        output_json(json_object_get(all.credentials), options->json);
    else if (json_length(all.credentials) > 0)
        print(context, options, all.credentials);
    else if (!arguments[0] && failed == 0)
        output_note("There are no credentials. Create one: nspawn-creds set MACHINE@ID");
    return failed != 0 ? failed : refused ? OUTCOME_PROBLEMS : 0;
}

const Verb verb_list = {
    .name = "list",
    .arguments = "[MACHINE...]",
    .summary = "List the credentials in the store and in policies",
    .details =
        "Lists all machines or the given ones. STATE is \"ok\", or what keeps the "
        "broker from delivering the\ncredential. Credentials are not opened, "
        "except with --expiry, which first lists those that do not\nopen, then "
        "those that expire first. With --check, STATE is what the broker would do now, and\nthe "
        "exit status is 9 if it would refuse one. If something cannot be read, the rest is listed.",
    .options = OPTION_JSON | OPTION_EXPIRY | OPTION_CHECK | OPTION_NO_LEGEND | OPTION_FULL |
               OPTION_TPM_DEVICE | OPTION_SIGNATURE,
    .run = run,
};
