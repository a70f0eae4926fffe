/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds set: gives a machine's credential a value.
 */

#include "client/broker_check.h"
#include "key/host_key.h"
#include "seal/seal_keys.h"
#include "specs.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "unit_size.h"
#include "verb/stored.h"
#include "verb/verb.h"

typedef struct Setting {
    const Context *context;
    const Options *options;
    const char *argument; /* MACHINE@ID */
    const char *input;
    CredentialName name;
    SealSpec spec;
    StoreClient *store;
    bool replaces;
    StoreClientEntry old; /* the file to replace; empty if there is none that can be read */
    CredentialSections like;
} Setting;

static void setting_done(Setting *setting)
{
    store_client_entry_done(&setting->old);
}

static bool needs_host_key(const Setting *setting)
{
    if (setting->spec.keys == SEAL_GIVEN_KEYS)
        return setting->spec.key_types & KIND_HOST;
    return setting->spec.keys == SEAL_AUTO_KEYS || !setting->like.kind ||
           kind_has(setting->like.kind, KIND_HOST);
}

/* Asks whether to create a host key although credentials need the lost one. --no-ask is about the
 * value alone. */
static int confirm_new_key(Setting *setting, Reason *reason)
{
    char question[sizeof(reason->text) + 128];
    int r = host_key_lost(host_key_path(), setting->spec.lost_key_users, reason);

    snprintf(question, sizeof(question),
             "%s. Restore it if there is a backup. Create another key, with which they never open "
             "(y/n)?",
             reason->text);
    if (confirm_choice(setting->options, "yn", question) != 'y')
        return r;
    setting->spec.lost_key_users = 0;
    return 0;
}

/* Finds all mistakes before the value is read. */
static int prepare(Setting *setting, Reason *reason)
{
    const Options *options = setting->options;
    int r = credential_name_parse(setting->argument, reason, &setting->name);

    if (r == 0)
        r = spec_check_owner(setting->context, options, &setting->name, reason);
    if (r == 0 && options->key_types == 0)
        r = reason_set(reason, OUTCOME_USAGE,
                       "the null key protects nothing, and the broker does not serve it");
    if (r == 0)
        r = input_check_value(options, setting->input, reason);
    if (r == 0)
        r = spec_to_seal(setting->context, options, reason, &setting->spec);
    if (r == 0)
        r = spec_keep_key_type(setting->context, &setting->name, reason, &setting->spec);
    if (r == 0)
        r = spec_open_store(options, reason, setting->store);
    if (r == 0)
        r = store_client_writable(setting->store, reason);
    if (r == 0)
        r = store_client_has(setting->store, &setting->name, reason, &setting->replaces);
    /* one that is there already can be replaced */
    if (r == 0 && !setting->replaces)
        r = policy_id_check(setting->name.id, reason);
    if (r == 0 && setting->replaces)
        r = confirm(options, reason, "%s already exists. Replace it? %s", setting->argument,
                    spec_fate_of_old(options));
    setting->old.name = setting->name;
    setting->spec.name = setting->argument;
    setting->spec.share_store = setting->store->store;
    if (r == 0 && setting->replaces &&
        store_read(setting->store->store, &setting->name, NULL, &setting->old.file) == 0)
        r = spec_keep(setting->context, options, &setting->old, reason, &setting->spec,
                      &setting->like);
    if (r == 0 && setting->spec.lost_key_users > 0 && needs_host_key(setting))
        r = confirm_new_key(setting, reason);
    return r;
}

/* Says if the broker would refuse SEALED, which is stored nevertheless: the cause may go away. */
static void warn_of_refusal(const Setting *setting, BytesView sealed)
{
    BrokerCheck check = {setting->context, setting->name.machine, setting->name.id, sealed};
    Reason reason = {0};
    int rc;

    /* without the broker's answer there is nothing to say */
    if (setting->store->control &&
        broker_check_one(setting->store->control, &check, &terminal_observer, &reason, &rc) == 0 &&
        rc != 0)
        output_note("The broker would refuse %s now: %s", setting->argument,
                    outcome_reason(rc, &reason));
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(store_client_done) StoreClient store = {0};
    _cleanup_(setting_done) Setting setting = {.context = context,
                                               .options = options,
                                               .argument = arguments[0],
                                               .input = arguments[1],
                                               .store = &store};
    _cleanup_(input_value_done) InputValue value = {0};
    _cleanup_(seal_keys_done) SealKeys keys = {0};
    _cleanup_(bytes_done) Bytes sealed = {0};
    SealContext seal = {context, &setting.spec, &terminal_observer};
    const char *source = options->given & OPTION_GENERATE ? NULL : input_name(setting.input);
    Reason reason = {0};
    int r = prepare(&setting, &reason);

    if (r == 0)
        r = seal_prepare(&seal, setting.like.kind ? &setting.like : NULL, &reason, &keys);
    if (r != 0)
        return output_error(r, setting.argument, &reason);
    r = input_get_value(context, options, setting.input, setting.argument, &reason, &value);
    if (r != 0)
        return output_error(r, source, &reason);
    r = unit_size_check_value(setting.name.id, value.secret, &reason);
    if (r != 0)
        return output_error(r, setting.argument, &reason);
    input_note_newline(options, &value);
    r = seal_value(&seal, &keys, value.secret, &reason, &sealed);
    if (r == 0)
        warn_of_refusal(&setting, bytes_view(&sealed));
    if (r == 0)
        r = store_client_commit(&store,
                                &(StoreChange){.name = setting.name,
                                               .sealed = bytes_view(&sealed),
                                               .public = bytes_view(&value.public),
                                               .keep_old = spec_keeps_old(options)},
                                1, "set", &reason);
    if (r == 0)
        r = stored_report(context, options, &setting.name, setting.replaces,
                          bytes_view(&value.public), &reason);
    return r == 0 ? 0 : output_error(r, setting.argument, &reason);
}

const Verb verb_set = {
    .name = "set",
    .arguments = "MACHINE@ID [FILE]",
    .summary = "Give a machine's credential a value: typed, from a file, or generated",
    .details = "The value is read from FILE, from standard input, or from a prompt that "
               "does not echo and asks\ntwice; --generate= generates one that nobody "
               "sees. It is sealed and put into the store, by the\nbroker if it can be "
               "reached. Asks before it replaces a value, unless --no-ask is given; rotate "
               "--back\nputs the old one back. For a key pair it prints the public half, "
               "which is also kept beside the\nprivate one in the store.",
    .options = OPTIONS_SEAL | OPTION_GENERATE | OPTION_NEWLINE | OPTION_NO_ASK | OPTION_STORE |
               OPTION_SHARE_KEY | OPTION_TIMESTAMP | OPTION_FORGET | OPTION_JSON,
    .run = run,
};
