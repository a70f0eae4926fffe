/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds rotate: replaces a credential's value, and restarts the inner units that use it.
 *
 *     value, from wherever ──► sealed ──► Rotate, over the control socket ──► units
 * (restart_list.h) ▲                             │ one fails └──── the old sealed file ◄───┘
 *
 * Up to Rotate nothing has changed, whatever goes wrong. After it, either all units come back with
 * the new value, or the old one is put back and they get it again.
 */

#include "base/digest.h"
#include "base/limits.h"
#include "credential/open.h"
#include "manager/restart_list.h"
#include "policy/policy_file.h"
#include "policy/policy_load.h"
#include "protocol/varlink.h"
#include "seal/seal_new.h"
#include "specs.h"
#include "store/store_installed.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/secret_input.h"
#include "verb/verb.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

typedef struct Rotate {
    const Context *context;
    Options options;
    SealSpec spec;
    const char *name_text;
    CredentialName name;
    Client *client;
    Store *store;
    Bytes old;        /* the file to be replaced; empty if there is none */
    Bytes old_public; /* and its public half */
    SecretInput value;
    Bytes sealed;
    RestartList restarts;
    RestartOptions how; /* to do these */
} Rotate;

static void rotate_done(Rotate *rotate)
{
    client_free(rotate->client);
    store_free(rotate->store);
    bytes_done(&rotate->old);
    bytes_done(&rotate->old_public);
    secret_input_done(&rotate->value);
    bytes_done(&rotate->sealed);
    restart_list_done(&rotate->restarts);
    close_keep_errno(rotate->how.stop);
}

static struct json_object *name_parameters(const CredentialName *name)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();

    if (!json_add(object, "machine", json_object_new_string(name->machine)) ||
        !json_add(object, "credential", json_object_new_string(name->id)))
        return NULL;
    return TAKE_PTR(object);
}

/* --- before: all that can be wrong shows before a secret is asked for --- */

/* Whether its value stands in the store. The broker checks it again. */
static int check_source(Rotate *rotate, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    struct json_object *parameters = name_parameters(&rotate->name), *credential = NULL;
    const char *source, *problem;
    int r = parameters ? client_call(rotate->client, "Describe", parameters, &terminal_observer,
                                     reason, &reply)
                       : -ENOMEM;

    if (r != 0)
        return r;
    json_object_object_get_ex(reply, "credential", &credential);
    source = varlink_text(credential, "source");
    problem = varlink_text(credential, "problem");
    if (source && strcmp(source, policy_source_name(POLICY_STORE)) != 0 &&
        strcmp(source, policy_source_name(POLICY_GENERATE)) != 0)
        return reason_set(reason, OUTCOME_NOT_STORED, "%s's policy takes it from \"%s\"",
                          rotate->name.machine, source);
    if (problem && strcmp(problem, outcome_name(OUTCOME_NOT_FOUND)) == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "there is no value to replace");
    return 0;
}

static int prepare(Rotate *rotate, const char *input, Reason *reason)
{
    const Options *options = &rotate->options;
    int r = credential_name_parse(rotate->name_text, reason, &rotate->name);

    if (r == 0)
        r = secret_input_check(options, input, reason);
    if (r == 0)
        r = spec_to_seal(rotate->context, options, reason, &rotate->spec);
    if (r == 0)
        r = client_new(CLIENT_DEFAULT_PATH, reason, &rotate->client);
    if (r == 0)
        r = check_source(rotate, reason);
    if (r == 0)
        r = store_open_installed(options->host->store, reason, &rotate->store);
    if (r == 0)
        r = store_read(rotate->store, &rotate->name, reason, &rotate->old);
    if (r == 0)
        (void)store_read_public(rotate->store, &rotate->name, NULL, &rotate->old_public);
    rotate->spec.name = rotate->name_text;
    rotate->spec.share_store = rotate->store;
    return r == OUTCOME_NOT_FOUND && rotate->store ? 0 : r;
}

/* --- the new value, sealed --- */

/* What a policy wants generated is made anew, unless something is given. */
static void choose_recipe(Rotate *rotate, const char *input)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    const PolicyCredential *credential;

    if (input || rotate->options.given & OPTION_GENERATE ||
        policy_load(rotate->context, rotate->name.machine, NULL, NULL, &policy) != 0)
        return;
    credential = policy_find(policy, rotate->name.id);
    if (!credential || credential->source != POLICY_GENERATE)
        return;
    rotate->options.generate = credential->recipe;
    rotate->options.given |= OPTION_GENERATE;
}

/* As the old file is sealed, where no option says otherwise. */
static int seal(Rotate *rotate, const char *input, Reason *reason)
{
    SealContext seal = {rotate->context, &rotate->spec, &terminal_observer};
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections old;
    bool known = rotate->old.size > 0 &&
                 credential_unpack(bytes_view(&rotate->old), NULL, &raw, &old) == 0 &&
                 credential_openable(&old, NULL) == 0;
    int r;

    choose_recipe(rotate, input);
    r = secret_input_get(rotate->context, &rotate->options, input, rotate->name_text, reason,
                         &rotate->value);
    return r == 0
               ? seal_new(&seal, known ? &old : NULL, rotate->value.secret, reason, &rotate->sealed)
               : r;
}

/* --- putting it in place, and back --- */

/* A file of a pair, and its public half if it has one. */
typedef struct Half {
    BytesView file;
    BytesView public;
} Half;

static bool add_bytes(struct json_object *object, const char *name, BytesView text)
{
    return text.size == 0 ||
           json_add(object, name,
                    json_object_new_string_len((const char *)text.data, (int)text.size));
}

/* Replaces WAS by TO. */
static int ask_once(Rotate *rotate, BytesView was, const Half *to, Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *parameters = name_parameters(&rotate->name);
    _cleanup_(json_object_putp) struct json_object *reply = NULL;
    char digest[DIGEST_TEXT_BYTES];

    if (!rotate->client)
        return reason_set(reason, OUTCOME_BROKER_UNREACHABLE, "nobody listens");
    digest_format(was, digest);
    if (!add_bytes(parameters, "sealed", to->file) ||
        !add_bytes(parameters, "public", to->public) ||
        (was.size > 0 && !json_add(parameters, "was", json_object_new_string(digest))))
        return -ENOMEM;
    return client_call(rotate->client, "Rotate", TAKE_PTR(parameters), &terminal_observer, reason,
                       &reply);
}

/* How often a broker that dies in the middle of the call is asked again. */
#define CALLS_MAX 5U

/* The same, also if the broker is killed meanwhile, before it was done or after: whoever comes
 * after it says which. */
static int call_rotate(Rotate *rotate, BytesView was, const Half *to, Reason *reason)
{
    int r = ask_once(rotate, was, to, reason);

    for (unsigned calls = 1; r == OUTCOME_BROKER_UNREACHABLE && calls < CALLS_MAX; calls++) {
        rotate->client = client_free(rotate->client);
        r = client_new(CLIENT_DEFAULT_PATH, reason, &rotate->client);
        if (r == 0)
            r = ask_once(rotate, to->file, to, reason);
        if (r == OUTCOME_CHANGED || r == OUTCOME_NOT_FOUND)
            r = ask_once(rotate, was, to, reason);
    }
    if (r == OUTCOME_BROKER_UNREACHABLE)
        return reason_set(
            reason, OUTCOME_HALF_ROTATED,
            "the broker did not reply, so that it is unknown whether the value was replaced");
    return r;
}

static int put_in_place(Rotate *rotate, Reason *reason)
{
    return call_rotate(rotate, bytes_view(&rotate->old),
                       &(Half){bytes_view(&rotate->sealed), bytes_view(&rotate->value.public)},
                       reason);
}

static int put_back(Rotate *rotate, Reason *reason)
{
    _cleanup_(bytes_done) Bytes raw = {0}, text = {0};
    int r;

    if (rotate->old.size == 0)
        return reason_set(reason, OUTCOME_NOT_FOUND, "there was no old value");
    /* what was stored raw cannot go through JSON */
    r = credential_decode(bytes_view(&rotate->old), reason, &raw);
    if (r == 0)
        r = credential_encode(bytes_view(&raw), &text);
    if (r != 0)
        return r;
    return call_rotate(rotate, bytes_view(&rotate->sealed),
                       &(Half){bytes_view(&text), bytes_view(&rotate->old_public)}, reason);
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

/* The signal that made it fail does not keep the units from getting the old value; another one
 * does. */
static void forget_signals(const Rotate *rotate)
{
    struct signalfd_siginfo signal;

    while (read(rotate->how.stop, &signal, sizeof(signal)) == sizeof(signal))
        ;
}

/* After RC, for REASON: everything as it was. */
static int undo(Rotate *rotate, int rc, Reason *reason)
{
    Reason why = *reason, undoing = {0};
    int r = put_back(rotate, &undoing);

    if (r != 0)
        return reason_set(reason, OUTCOME_HALF_ROTATED,
                          "%.150s. The new value is still in place: %.100s", why.text,
                          undoing.text);
    forget_signals(rotate);
    r = restart_list_undo(&rotate->restarts, &rotate->how, &undoing);
    if (r != 0)
        return reason_set(reason, r, "%.130s. The old value was restored, but then also %.120s",
                          why.text, undoing.text);
    *reason = why;
    return rc;
}

/* --- words --- */

/* Each step is printed as it is taken, unless the output is JSON. */
static void on_note(void *userdata, const char *text)
{
    (void)userdata;
    printf("%s\n", text);
    fflush(stdout);
}

static void print_changes(const Rotate *rotate)
{
    const PolicyEffects *effects = &rotate->restarts.effects;

    printf("%s: the new value is in place\n", rotate->name_text);
    for (size_t i = 0; i < effects->count; i++) {
        const PolicyEffect *effect = &effects->effects[i];

        if (!effect->unit)
            printf("%s@%s: %s\n", effect->name.machine, effect->name.id,
                   effect->delivery == POLICY_LIVE ? "the policy names no unit to restart"
                                                   : "the container receives it at its next start");
    }
    fflush(stdout);
}

static bool add_text(struct json_object *object, const char *name, const char *text)
{
    return !text || json_add(object, name, json_object_new_string(text));
}

static struct json_object *changes_to_json(const PolicyEffects *effects)
{
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();

    for (size_t i = 0; list && i < effects->count; i++) {
        const PolicyEffect *effect = &effects->effects[i];
        struct json_object *object = json_object_new_object();

        if (json_object_array_add(list, object) != 0 ||
            !add_text(object, "machine", effect->name.machine) ||
            !add_text(object, "credential", effect->name.id) ||
            !add_text(object, "delivery", policy_delivery_name(effect->delivery)) ||
            !add_text(object, "unit", effect->unit) ||
            !add_text(object, "action", policy_change_name(effect->action)))
            return NULL;
    }
    return TAKE_PTR(list);
}

static struct json_object *units_to_json(const RestartList *restarts)
{
    _cleanup_(json_object_putp) struct json_object *list = json_object_new_array();

    for (size_t i = 0; list && i < restarts->unit_count; i++) {
        const RestartUnit *unit = &restarts->units[i];
        struct json_object *object = json_object_new_object();

        if (json_object_array_add(list, object) != 0 ||
            !add_text(object, "machine", restarts->machines[unit->machine].name) ||
            !add_text(object, "unit", unit->name) ||
            !add_text(object, "action", policy_change_name(unit->action)) ||
            !add_text(object, "result", unit->result))
            return NULL;
    }
    return TAKE_PTR(list);
}

static int print_json(const Rotate *rotate, int rc, const Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = name_parameters(&rotate->name);

    if (!add_text(object, "outcome", outcome_name(rc)) ||
        (rc != 0 && !add_text(object, "reason", reason->text)) ||
        !json_add(object, "changes", changes_to_json(&rotate->restarts.effects)) ||
        !json_add(object, "units", units_to_json(&rotate->restarts)))
        return -ENOMEM;
    return output_json(TAKE_PTR(object), rotate->options.json);
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
                .unit_usec = (uint64_t)LIMIT_JOB_SECONDS * 1000 * 1000,
                .settle_usec = RESTART_SETTLE_USEC},
    };
    Reason reason = {0};
    int r = prepare(&rotate, arguments[1], &reason);

    observer.note = json ? NULL : on_note;
    if (r == 0)
        r = seal(&rotate, arguments[1], &reason);
    if (r == 0)
        r = restart_list_new(context, &rotate.name, 1, &rotate.restarts);
    if (r == 0)
        r = hold_signals(&rotate);
    if (r == 0)
        r = put_in_place(&rotate, &reason);
    if (r != 0)
        return output_error(r, rotate.name_text, &reason);
    if (!json)
        print_changes(&rotate);
    r = restart_list_apply(&rotate.restarts, &rotate.how, &reason);
    if (r != 0)
        r = undo(&rotate, r, &reason);
    else if (!json)
        printf("%s: rotated\n", rotate.name_text);
    if (json && print_json(&rotate, r, &reason) != 0 && r == 0)
        r = -EIO;
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
               "is restored, and the units\nare restarted or reloaded again.",
    .options = OPTION_GENERATE | OPTION_NEWLINE | OPTION_WITH_KEY | OPTION_FOR_SYSTEMD |
               OPTION_TPM_DEVICE | OPTION_TPM_PCRS | OPTION_PUBLIC_KEY | OPTION_PUBLIC_KEY_PCRS |
               OPTION_SIGNATURE | OPTION_FRESH_KEY | OPTION_SHARE_KEY | OPTION_NOT_AFTER |
               OPTION_JSON,
    .arguments_min = 1,
    .arguments_max = 2,
    .run = run,
};
