/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds show: shows everything about a credential in the store except its value.
 */

#include "base/json.h"
#include "client/broker_check.h"
#include "client/store_client.h"
#include "hint.h"
#include "policy/policy_status.h"
#include "specs.h"
#include "store/history.h"
#include "terminal/fields.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/dependents.h"
#include "verb/verb.h"

#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

/* What to show. */
typedef struct Show {
    const Context *context;
    const char *name;
    char path[PATH_MAX];
    uint64_t written; /* µs; 0 if unknown */
    StoreClientEntry entry;
    Bytes public;
    PolicyStatus status;
    OpenCheck check;
    FleetOrigin origin;
    bool asked;       /* the broker, which */
    int answer;       /* would deliver it, or not, */
    Reason cause;     /* for this reason */
    bool predecessor; /* it has one (store/history.h) */
    struct json_object *receivers;
    struct json_object *values; /* --history: the current value and the earlier ones */
} Show;

static void show_done(Show *show)
{
    store_client_entry_done(&show->entry);
    bytes_done(&show->public);
    json_object_put(show->receivers);
    json_object_put(show->values);
}

/* --- the history --- */

static void add_check(struct json_object *object, const OpenCheck *check)
{
    json_add_text(object, "outcome", outcome_name(check->rc));
    if (check->rc != 0)
        json_add_text(object, "reason", outcome_reason(check->rc, &check->reason));
    if (open_check_knows_expiry(check)) {
        json_add_number(object, "sealedUSec", check->metadata.timestamp);
        json_add_number(object, "valueSize", check->size);
        if (check->metadata.not_after != USEC_INFINITY)
            json_add_number(object, "expiresUSec", check->metadata.not_after);
    }
}

static struct json_object *describe_value(const StoreValue *value, size_t number, uint64_t written,
                                          const OpenCheck *check)
{
    struct json_object *object = json_object_new_object();

    json_add_number(object, "value", number);
    if (written)
        json_add_number(object, "writtenUSec", written);
    if (value->verb[0])
        json_add_text(object, "verb", value->verb);
    if (value->uid != (uid_t)-1)
        json_add_number(object, "uid", value->uid);
    add_check(object, check);
    return object;
}

static int look_back(const Store *store, Unsealer *unsealer, Show *show, Reason *reason)
{
    static const StoreValue unknown = {.uid = (uid_t)-1};
    _cleanup_(store_history_done) StoreHistory history = {0};
    int r = store_read_history(store, &show->entry.name, reason, &history);

    if (r != 0)
        return r;
    show->values = json_object_new_array();
    json_append(show->values, describe_value(history.count > 0 ? &history.values[0] : &unknown, 0,
                                             show->written, &show->check));
    for (size_t i = 1; i < history.count; i++) {
        _cleanup_(store_client_entry_done) StoreClientEntry entry = {.name = show->entry.name};
        const StoreValue *value = &history.values[i];
        OpenCheck check = {0};

        check.rc = credential_unpack(bytes_view(&value->sealed), &check.reason, &entry.raw,
                                     &entry.sections);
        if (check.rc == 0)
            open_check_entry(NULL, unsealer, &entry, &check);
        json_append(show->values, describe_value(value, i, value->written, &check));
    }
    return 0;
}

static void field_number(struct json_object *number, FILE *stream)
{
    if (json_object_get_int(number) == 0)
        fputs("current", stream);
    else
        fputs(json_object_get_string(number), stream);
}

/* "rotate, root" */
static void field_writer(struct json_object *value, FILE *stream)
{
    struct json_object *verb = NULL, *uid = NULL;
    const struct passwd *user;

    if (!json_object_object_get_ex(value, "verb", &verb) ||
        !json_object_object_get_ex(value, "uid", &uid))
        return;
    user = getpwuid((uid_t)json_object_get_int64(uid));
    fprintf(stream, "%s, %s", json_object_get_string(verb),
            user ? user->pw_name : json_object_get_string(uid));
}

/* "yes", or why not. */
static void field_opens(struct json_object *value, FILE *stream)
{
    struct json_object *reason = NULL;

    if (json_object_object_get_ex(value, "reason", &reason))
        fprintf(stream, "no: %s", json_object_get_string(reason));
    else
        fputs("yes", stream);
}

static void print_history(const Show *show)
{
    static const Field fields[] = {{"VALUE", "/value", field_number},
                                   {"WRITTEN", "/writtenUSec", field_time},
                                   {"BY", "", field_writer},
                                   {"OPENS", "", field_opens},
                                   {0}};

    printf("\n");
    fields_print_table(&(FieldTable){.fields = fields, .legend = true}, show->values);
    if (json_length(show->values) == 1)
        output_note("No earlier value of %s is kept.", show->name);
}

/* --- everything else --- */

/* Asks the broker, if it is the one who delivers the store's file. */
static void ask_broker(const StoreClient *store, Show *show)
{
    const PolicyStatus *status = &show->status;
    bool delivers = status->kind == POLICY_STATUS_NO_POLICY || status->fleet[0] ||
                    (status->kind == POLICY_STATUS_USED && status->delivery != POLICY_NATIVE);
    const BrokerCheck check = {
        .context = show->context, .machine = show->entry.name.machine, .id = show->entry.name.id};
    Reason reason = {0};

    if (!store->control || !delivers)
        return;
    show->asked =
        broker_check_one(store->control, &check, &terminal_observer, &reason, &show->answer) == 0;
    if (!show->asked)
        output_note("The broker was not asked whether it would deliver %s: %s", show->name,
                    reason.text);
    else if (show->answer != 0)
        reason_set(&show->cause, 0, "%s", outcome_reason(show->answer, &reason));
}

static int look(const Options *options, Show *show, Reason *reason)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(show->context, options);
    _cleanup_(store_client_done) StoreClient store = {0};
    _cleanup_(bytes_done) Bytes predecessor = {0};
    const char *fleet = show->status.fleet;
    CredentialName name;
    struct stat status;
    size_t length;
    int r = credential_name_parse(show->name, reason, &name);

    unsealer.spec.now = USEC_INFINITY;
    if (r == 0)
        r = spec_open_store(options, reason, &store);
    if (r == 0)
        r = policy_status_find(show->context, &name, &show->status);
    if (options->store)
        show->status.fleet[0] = '\0';
    if (r == 0)
        r = store_client_read_delivered(&store, fleet, &name, reason, &show->entry, &show->origin);
    if (r == 0 && !*fleet)
        r = store_read_public(store.store, &name, reason, &show->public);
    if (r == 0)
        r = dependents_list(show->context, &name, &show->receivers);
    if (r != 0)
        return r;
    snprintf(show->path, sizeof(show->path), "%s", store.path);
    if (*fleet)
        fleet_set_path(store.path, fleet, show->path);
    length = strlen(show->path);
    snprintf(show->path + length, sizeof(show->path) - length, "/%s/%s.cred", name.machine,
             name.id);
    if (stat(show->path, &status) == 0)
        show->written = timespec_to_usec(status.st_mtim);
    show->predecessor =
        !*fleet && store_read_predecessor(store.store, &name, NULL, NULL, &predecessor) == 0;
    open_check_entry(*fleet ? NULL : store.store, &unsealer, &show->entry, &show->check);
    if (show->check.rc == 0)
        show->check.rc =
            kind_check_type(show->entry.sections.kind, show->status.key_type, &show->check.reason);
    ask_broker(&store, show);
    return options->history ? look_back(store.store, &unsealer, show, reason) : 0;
}

/* Members have the same names as in the broker's Describe. */
static struct json_object *describe(const Show *show)
{
    struct json_object *object = json_object_new_object();
    const CredentialSections *sections = &show->entry.sections;

    json_add_text(object, "machine", show->entry.name.machine);
    json_add_text(object, "credential", show->entry.name.id);
    json_add_text(object, "file", show->path);
    if (show->written)
        json_add_number(object, "writtenUSec", show->written);
    if (show->origin.fleet[0]) {
        json_add_text(object, "fleet", show->origin.fleet);
        json_add_number(object, "sequence", show->origin.sequence);
    }
    json_add_text(object, "kind", sections->kind->name);
    json_add_number(object, "size", show->entry.raw.size);
    if (kind_has(sections->kind, KIND_TPM)) {
        json_add(object, "pcrs", tpm_pcr_mask_to_json(sections->tpm.pcr_mask));
        json_add(object, "sealedOutside",
                 json_object_new_boolean(tpm_key_label(&sections->tpm).outside));
    }
    if (kind_has(sections->kind, KIND_PUBLIC_KEY))
        json_add(object, "signedPcrs", tpm_pcr_mask_to_json(sections->tpm.public_key_mask));
    if (show->predecessor)
        json_add(object, "predecessor", json_object_new_boolean(true));
    json_add_text(object, "policy", policy_status_word(&show->status));
    json_add_text(object, "keyType", show->status.key_type);
    json_add(object, "receivers", json_object_get(show->receivers));
    json_add_view(object, "public", bytes_view(&show->public));
    add_check(object, &show->check);
    if (show->asked) {
        json_add_text(object, "broker", outcome_name(show->answer));
        json_add_text(object, "brokerReason", show->answer != 0 ? show->cause.text : NULL);
    }
    if (show->values)
        json_add(object, "history", json_object_get(show->values));
    return object;
}

static void opens(struct json_object *outcome, FILE *stream)
{
    fputs(strcmp(json_object_get_string(outcome), outcome_name(0)) == 0 ? "yes" : "no", stream);
}

static void field_broker(struct json_object *outcome, FILE *stream)
{
    fputs(strcmp(json_object_get_string(outcome), outcome_name(0)) == 0 ? "would deliver it"
                                                                        : "would refuse it",
          stream);
}

/* "app.service in web; db at its start, as db@token" */
static void field_receivers(struct json_object *object, FILE *stream)
{
    struct json_object *list = json_object_object_get(object, "receivers");

    for (size_t i = 0; i < json_length(list); i++) {
        struct json_object *one = json_object_array_get_idx(list, i);
        struct json_object *services = json_object_object_get(one, "services");
        const char *machine = varlink_text(one, "machine"), *id = varlink_text(one, "credential");
        bool live = strcmp(varlink_text(one, "delivery"), "live") == 0;

        fputs(i > 0 ? "; " : "", stream);
        for (size_t k = 0; live && k < json_length(services); k++)
            fprintf(stream, "%s%s", k > 0 ? ", " : "",
                    json_object_get_string(json_object_array_get_idx(services, k)));
        if (!live)
            fprintf(stream, "%s at its start", machine);
        else
            fprintf(stream, "%s in %s", json_length(services) > 0 ? "" : "any service", machine);
        if (strcmp(machine, varlink_text(object, "machine")) != 0 ||
            strcmp(id, varlink_text(object, "credential")) != 0)
            fprintf(stream, ", as %s@%s", machine, id);
    }
}

static void field_predecessor(struct json_object *, FILE *stream)
{
    fputs("a predicted state; the previous file is kept until one of the two opens after the next "
          "boot",
          stream);
}

static void print(const Show *show, struct json_object *object)
{
    static const Field fields[] = {{"File:", "/file", NULL},
                                   {"Written:", "/writtenUSec", field_time},
                                   {"Kind:", "/kind", NULL},
                                   {"Fleet:", "", field_fleet},
                                   {"Origin:", "/sealedOutside", field_outside},
                                   {"PCRs:", "/pcrs", field_pcrs},
                                   {"Signed PCRs:", "/signedPcrs", field_pcrs},
                                   {"Sealed for:", "/predecessor", field_predecessor},
                                   {"Policy:", "/policy", NULL},
                                   {"Received by:", "", field_receivers},
                                   {"Public half:", "/public", NULL},
                                   {"Opens:", "/outcome", opens},
                                   {"Broker:", "/broker", field_broker},
                                   {"Value:", "/valueSize", field_bytes},
                                   {"Sealed:", "/sealedUSec", field_time},
                                   {"Expires:", "/expires", NULL},
                                   {0}};
    uint64_t now = show->context->now(show->context);
    char expiry[OPEN_CHECK_EXPIRY_BYTES];
    Reason policy = {0};

    policy_status_describe(&show->status, &policy);
    json_add_text(object, "policy", policy.text);
    if (open_check_knows_expiry(&show->check)) {
        open_check_format_expiry(show->check.metadata.not_after, now, expiry);
        json_add_text(object, "expires", expiry);
    }
    screen_put(COLOUR_TITLE, show->name);
    putchar('\n');
    fields_print(object, fields);
    if (show->values)
        print_history(show);
}

/* If it does not open, or the broker would refuse it, this shows the rest, and fails. */
static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(show_done) Show show = {.context = context, .name = arguments[0]};
    Reason reason = {0};
    int r = look(options, &show, &reason);

    if (r != 0)
        return hint_error(context, options, r, show.name, &reason);
    object = describe(&show);
    screen_page(options);
    if (options->json != JSON_OFF)
        output_json(TAKE_PTR(object), options->json);
    else
        print(&show, object);
    if (show.check.rc != 0)
        return output_error(show.check.rc, show.name, &show.check.reason);
    if (show.answer != 0)
        return output_error(show.answer, show.name, &show.cause);
    return 0;
}

const Verb verb_show = {
    .name = "show",
    .arguments = "MACHINE@ID",
    .summary = "Show everything about a credential in the store except its value",
    .details =
        "Shows where it is, how it is sealed and what the machine's policy says "
        "about it. It also opens the\ncredential to show its size and time of "
        "expiry, and asks the broker whether it would deliver\nit. If one fails, it shows the "
        "rest, and the exit status says why. With --history it lists the\nearlier values that "
        "rotate --back can put back.",
    .options = OPTION_JSON | OPTION_HISTORY | OPTION_STORE | OPTION_TPM_DEVICE | OPTION_SIGNATURE,
    .run = run,
};
