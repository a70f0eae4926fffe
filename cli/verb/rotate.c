/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds rotate: replaces a credential's value, and restarts the inner units that use it.
 *
 *     new value ──► sealed ──► store_client_commit() ──► units (restart_list.h)
 *                                     ▲                      │ one fails
 *                                     └─── old sealed file ◄─┘
 *
 * --back takes the value from the credential's history (store/history.h), where the old one goes.
 * Nothing has changed before the commit. After it either all units come back with the new value, or
 * the old one is restored and they receive it again.
 */

#include "base/base64.h"
#include "base/json.h"
#include "base/limits.h"
#include "hint.h"
#include "manager/restart_list.h"
#include "policy/policy_load.h"
#include "policy/policy_status.h"
#include "seal/seal_keys.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "unit_size.h"
#include "verb/stored.h"
#include "verb/verb.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>

typedef struct Rotate {
    const Context *context;
    Options options;
    SealSpec spec;
    const char *name_text;
    CredentialName name;
    StoreClient store;
    StoreClientEntry old; /* the file to replace; empty if there is none */
    Bytes old_public;
    StoreHistory history; /* before it */
    InputValue value;
    Bytes sealed;
    RestartList restarts;
    RestartOptions how; /* to restart them */
} Rotate;

static void rotate_done(Rotate *rotate)
{
    store_client_done(&rotate->store);
    store_client_entry_done(&rotate->old);
    bytes_done(&rotate->old_public);
    store_history_done(&rotate->history);
    input_value_done(&rotate->value);
    bytes_done(&rotate->sealed);
    restart_list_done(&rotate->restarts);
    close_keep_errno(rotate->how.stop);
}

/* --- before the value is read, everything that can be wrong is found --- */

/* Whether the store is where the policy takes the value from. A value that the policy generates is
 * generated again, unless another one is given, and need not exist yet. */
static int check_policy(Rotate *rotate, const char *input, Reason *reason, bool *ret_generated)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential;
    PolicyFault fault = {0};
    int r = policy_load(rotate->context, rotate->name.machine, &fault, &policy);

    *ret_generated = false;
    if (r == OUTCOME_NOT_FOUND)
        return 0;
    if (r != 0)
        return policy_fault_reason(&fault, r, reason);
    credential = policy_find(policy, rotate->name.id);
    if (!credential)
        return rotate->old.file.size == 0 ? OUTCOME_NOT_FOUND : OUTCOME_NOT_IN_POLICY;
    if (credential->source == POLICY_FLEET)
        return spec_check_owner(rotate->context, &rotate->options, &rotate->name, reason);
    *ret_generated = credential->source == POLICY_GENERATE;
    if (credential->source != POLICY_STORE && !*ret_generated)
        return reason_set(reason, OUTCOME_NOT_STORED, "%s's policy takes it from \"%s\"",
                          rotate->name.machine, policy_source_names[credential->source]);
    if (*ret_generated && !input && !(rotate->options.given & OPTION_GENERATE)) {
        rotate->options.generate = credential->recipe;
        rotate->options.given |= OPTION_GENERATE;
    }
    return 0;
}

/* An earlier value comes with all that it was sealed for. */
static int check_options(const Rotate *rotate, const char *input, Reason *reason)
{
    static const uint64_t wrong = (OPTIONS_SEAL & ~(uint64_t)OPTION_TPM_DEVICE) | OPTION_GENERATE |
                                  OPTION_NEWLINE | OPTION_SHARE_KEY | OPTION_FORGET;

    return rotate->options.back && (input || rotate->options.given & wrong)
               ? reason_set(reason, OUTCOME_USAGE,
                            "--back takes neither a FILE nor an option about a new value")
               : 0;
}

static int prepare(Rotate *rotate, const char *input, Reason *reason)
{
    bool generated = false;
    int r = credential_name_parse(rotate->name_text, reason, &rotate->name);

    if (r == 0)
        r = check_options(rotate, input, reason);
    if (r == 0)
        r = input_check_value(&rotate->options, input, reason);
    if (r == 0)
        r = spec_to_seal(rotate->context, &rotate->options, reason, &rotate->spec);
    if (r == 0)
        r = spec_keep_key_type(rotate->context, &rotate->name, reason, &rotate->spec);
    if (r == 0)
        r = spec_open_store(&rotate->options, reason, &rotate->store);
    if (r == 0)
        r = store_client_writable(&rotate->store, reason);
    if (r != 0)
        return r;
    rotate->spec.name = rotate->name_text;
    rotate->spec.share_store = rotate->store.store;
    r = store_read_pair(rotate->store.store, &rotate->name, reason, &rotate->old.file,
                        &rotate->old_public);
    if (r != 0 && r != OUTCOME_NOT_FOUND)
        return r;
    r = store_read_history(rotate->store.store, &rotate->name, reason, &rotate->history);
    if (r < 0 || rotate->options.back)
        return r;
    r = check_policy(rotate, input, reason, &generated);
    if (r == 0 && rotate->old.file.size == 0 && !generated)
        r = OUTCOME_NOT_FOUND;
    return r == OUTCOME_NOT_FOUND ? reason_set(reason, r, "there is no value to replace") : r;
}

/* Takes an earlier value, if the broker will deliver it. */
static int take_back(Rotate *rotate, Reason *reason)
{
    _cleanup_(unsealer_done) Unsealer unsealer = spec_unsealer(rotate->context, &rotate->options);
    _cleanup_(store_client_entry_done) StoreClientEntry entry = {.name = rotate->name};
    size_t number = rotate->options.back;
    const StoreValue *value = &rotate->history.values[number];
    PolicyStatus status;
    OpenCheck check;
    int r;

    if (rotate->history.count == 0 && rotate->old.file.size == 0)
        return OUTCOME_NOT_FOUND;
    if (number >= rotate->history.count)
        return reason_set(
            reason, OUTCOME_USAGE,
            rotate->history.count == 0 ? "no earlier value of it is kept" : "it has %zu earlier %s",
            rotate->history.count - 1, rotate->history.count == 2 ? "value" : "values");
    r = credential_unpack(bytes_view(&value->sealed), reason, &entry.raw, &entry.sections);
    if (r == 0)
        r = policy_status_find(rotate->context, &rotate->name, &status);
    if (r == 0)
        r = kind_check_type(entry.sections.kind, status.key_type, reason);
    if (r != 0)
        return r;
    unsealer.spec.now = USEC_INFINITY;
    open_check_entry(NULL, &unsealer, &entry, &check);
    if (check.rc != 0)
        *reason = check.reason;
    r = bytes_dup(bytes_view(&value->sealed), &rotate->sealed);
    if (r == 0)
        r = bytes_dup(bytes_view(&value->public), &rotate->value.public);
    return r == 0 ? check.rc : r;
}

/* Seals the new value like the old one, unless an option says otherwise. */
static int seal(Rotate *rotate, const char *input, Reason *reason)
{
    SealContext seal = {rotate->context, &rotate->spec, &terminal_observer};
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    CredentialSections like = {0};
    int r = 0;

    rotate->old.name = rotate->name;
    if (rotate->old.file.size > 0)
        r = spec_keep(rotate->context, &rotate->options, &rotate->old, reason, &rotate->spec,
                      &like);
    if (r == 0)
        r = seal_prepare(&seal, like.kind ? &like : NULL, reason, &keys);
    if (r == 0)
        r = input_get_value(rotate->context, &rotate->options, input, rotate->name_text, reason,
                            &rotate->value);
    if (r == 0)
        r = unit_size_check_value(rotate->name.id, rotate->value.secret, reason);
    return r == 0 ? seal_value(&seal, &keys, rotate->value.secret, reason, &rotate->sealed) : r;
}

/* --- in place, and back --- */

/* Makes CHANGE to the file BEFORE; empty: to whatever is there. */
static int replace(Rotate *rotate, BytesView before, StoreChange change, Reason *reason)
{
    char digest[DIGEST_TEXT_BYTES];

    digest_format(before, digest);
    change.name = rotate->name;
    change.precondition = before.size > 0 ? STORE_DIGEST : STORE_ANY;
    change.digest = digest;
    /* the broker takes "rotate" for what the policy lists alone */
    return store_client_commit(&rotate->store, &change, 1, rotate->options.back ? "back" : "rotate",
                               reason);
}

/* From now on a signal that would end the program makes rotate->how.stop readable instead. */
static int hold_signals(Rotate *rotate)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    rotate->how.stop = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return rotate->how.stop < 0 ? -errno : 0;
}

/* Restores everything after the failure RC, which REASON explains. */
static int undo(Rotate *rotate, int rc, Reason *reason)
{
    Reason why = *reason, undoing = {0};
    struct signalfd_siginfo signal;
    _cleanup_(bytes_done) Bytes history = {0};
    int r = store_history_format(&rotate->history, &history);

    if (rotate->old.file.size == 0)
        r = reason_set(&undoing, OUTCOME_NOT_FOUND, "there was no old value");
    if (r == 0)
        r = replace(rotate, bytes_view(&rotate->sealed),
                    (StoreChange){.sealed = bytes_view(&rotate->old.file),
                                  .public = bytes_view(&rotate->old_public),
                                  .history = bytes_view(&history)},
                    &undoing);
    if (r != 0)
        return reason_set(reason, OUTCOME_HALF_ROTATED,
                          "%.150s. The new value is still in place: %.100s", why.text,
                          undoing.text);
    /* the signal that made it fail does not keep the units from their old value; another one does
     */
    while (read(rotate->how.stop, &signal, sizeof(signal)) == sizeof(signal))
        ;
    r = restart_list_undo(&rotate->restarts, &rotate->how, &undoing);
    if (r != 0)
        return reason_set(reason, r, "%.130s. The old value was restored, but then also %.120s",
                          why.text, undoing.text);
    return rc;
}

/* --- output --- */

/* Prints each step as it is taken, unless the output is JSON. */
static void on_note(void *, const char *text)
{
    output_line(stdout, "%s", text);
    output_flush();
}

static void print_changes(const Rotate *rotate)
{
    const PolicyEffects *effects = &rotate->restarts.effects;
    BytesView half = bytes_view(&rotate->value.public);

    printf("%s: the %s value is in place\n", rotate->name_text,
           rotate->options.back ? "earlier" : "new");
    if (half.size > 0 && half.data[half.size - 1] == '\n')
        half.size--;
    if (half.size > 0)
        output_line(stdout, "%s: public half: %.*s", rotate->name_text, (int)half.size,
                    (const char *)half.data);
    for (size_t i = 0; i < effects->count; i++) {
        const PolicyEffect *effect = &effects->effects[i];

        if (!effect->unit && effect->delivery != POLICY_LIVE &&
            credential_name_equal(&effect->name, &rotate->name))
            (void)stored_note_use(rotate->context, &rotate->options, &rotate->name);
        else if (!effect->unit)
            printf("%s@%s: %s\n", effect->name.machine, effect->name.id,
                   effect->delivery == POLICY_LIVE ? "the policy names no unit to restart"
                                                   : "the container receives it at its next start");
    }
    output_flush();
}

static void print_json(const Rotate *rotate, int rc, const Reason *reason)
{
    struct json_object *object = json_object_new_object(), *changes = json_object_new_array(),
                       *units = json_object_new_array();
    const RestartList *restarts = &rotate->restarts;

    json_add_text(object, "machine", rotate->name.machine);
    json_add_text(object, "credential", rotate->name.id);
    json_add_text(object, "outcome", outcome_name(rc));
    json_add_text(object, "reason", rc != 0 ? reason->text : NULL);
    for (size_t i = 0; i < restarts->effects.count; i++) {
        const PolicyEffect *effect = &restarts->effects.effects[i];
        struct json_object *change = json_object_new_object();

        json_add_text(change, "machine", effect->name.machine);
        json_add_text(change, "credential", effect->name.id);
        json_add_text(change, "delivery", policy_delivery_names[effect->delivery]);
        json_add_text(change, "unit", effect->unit);
        json_add_text(change, "action", policy_change_names[effect->action]);
        json_object_array_add(changes, change);
    }
    for (size_t i = 0; i < restarts->unit_count; i++) {
        const RestartUnit *restarted = &restarts->units[i];
        struct json_object *unit = json_object_new_object();

        json_add_text(unit, "machine", restarted->machine->name);
        json_add_text(unit, "unit", restarted->name);
        json_add_text(unit, "action", policy_change_names[restarted->action]);
        json_add_text(unit, "result", restarted->result);
        json_object_array_add(units, unit);
    }
    json_add(object, "changes", changes);
    json_add(object, "units", units);
    if (rc == 0)
        json_add_view(object, "public", bytes_view(&rotate->value.public));
    output_json(object, rotate->options.json);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    bool json = options->json != JSON_OFF;
    Observer observer = terminal_observer;
    _cleanup_(rotate_done) Rotate rotate = {
        .context = context,
        .options = *options,
        .name_text = arguments[0],
        .how = {.observer = &observer,
                .stop = -1,
                .boot_usec = (uint64_t)LIMIT_BOOT_SECONDS * 1000 * 1000,
                .unit_usec = (uint64_t)LIMIT_JOB_SECONDS * 1000 * 1000,
                .settle_usec = RESTART_SETTLE_USEC},
    };
    Reason reason = {0};
    int r = prepare(&rotate, arguments[1], &reason);

    observer.note = json ? NULL : on_note;
    if (r == 0)
        r = options->back ? take_back(&rotate, &reason) : seal(&rotate, arguments[1], &reason);
    if (r == 0)
        r = restart_list_new(context, &rotate.name, 1, &rotate.restarts);
    if (r == 0)
        r = hold_signals(&rotate);
    if (r == 0)
        r = restart_list_connect(&rotate.restarts, &rotate.how, &reason);
    if (json && r == OUTCOME_NOT_ROTATED)
        print_json(&rotate, r, &reason);
    if (r == 0)
        r = replace(&rotate, bytes_view(&rotate.old.file),
                    (StoreChange){.sealed = bytes_view(&rotate.sealed),
                                  .public = bytes_view(&rotate.value.public),
                                  .keep_old = spec_keeps_old(options)},
                    &reason);
    if (r != 0)
        return hint_error(context, options, r, rotate.name_text, &reason);
    if (!json)
        print_changes(&rotate);
    r = restart_list_apply(&rotate.restarts, &rotate.how, &reason);
    if (r != 0)
        r = undo(&rotate, r, &reason);
    else if (!json)
        printf("%s: %s\n", rotate.name_text, options->back ? "put back" : "rotated");
    if (json)
        print_json(&rotate, r, &reason);
    return r == 0 ? 0 : output_error(r, rotate.name_text, &reason);
}

const Verb verb_rotate = {
    .name = "rotate",
    .arguments = "MACHINE@ID [FILE]",
    .summary = "Replace a credential's value and restart the units that use it",
    .details = "The new value comes from FILE, from standard input, or from a prompt that "
               "does not echo; a value\nthat the policy generates is generated again. It "
               "is sealed like the old one. Then the units in\nrunning containers that "
               "the policy names (\"services\", \"onChange\") are restarted or reloaded; "
               "the\ncontainers keep running. If a unit does not come back, the old value "
               "is restored, and the units\nare restarted or reloaded again. With --back "
               "an earlier value takes the place of the current one,\nwhich becomes an "
               "earlier one.",
    .options = OPTIONS_SEAL | OPTION_GENERATE | OPTION_NEWLINE | OPTION_SIGNATURE |
               OPTION_SHARE_KEY | OPTION_BACK | OPTION_FORGET | OPTION_JSON,
    .run = run,
};
