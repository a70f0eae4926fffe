/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds enable: delivers credentials to a machine, when it starts or live.
 *
 *     find() ──► write_policy()         ──► take_effect()
 *     which      the machine's policy       daemon-reload, so that nspawn-creds-generator(8) writes
 *                                           the drop-in; and the broker's sockets are enabled
 *
 * Steps that are already done are skipped.
 *
 * A policy that comes from another directory than /etc stays what it is: the credentials then go
 * into a drop-in, because a file of the same name in /etc would hide it. A file that was edited by
 * hand is not changed unasked, and what a later drop-in says is not changed at all, since it would
 * take precedence anyway.
 */

#include "base/array.h"
#include "base/fsutil.h"
#include "base/json.h"
#include "base/names.h"
#include "base/shell_word.h"
#include "broker_units.h"
#include "client/broker_check.h"
#include "hint.h"
#include "manager/live_mount.h"
#include "manager/manager.h"
#include "policy/policy_edit.h"
#include "policy/policy_load.h"
#include "store/store.h"
#include "terminal/input.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/policy_files.h"
#include "verb/stored.h"
#include "verb/verb.h"

#include <errno.h>
#include <string.h>

/* The options that say how to deliver. */
#define DELIVERY_OPTIONS (OPTION_DELIVERY | OPTION_SERVICE | OPTION_ON_CHANGE)

/* Room for the path of a machine's policy file. */
#define PATH_BYTES       ((size_t)256)

/* Room for the name of a machine's unit. */
#define UNIT_BYTES       ((size_t)128)

/* A credential that is to be enabled. */
typedef struct Enabled {
    CredentialName name;
    PolicyEditResult result;
    bool valueless; /* the store does not have it, and the policy takes it from there */
} Enabled;

typedef struct Enabling {
    const Context *context;
    const Options *options;
    const char *machine;
    bool named;     /* the credentials are: those that the policy has are meant, too */
    Policy *policy; /* as it is; NULL if there is none */
    Enabled *credentials;
    size_t count;
    char path[PATH_BYTES]; /* of the file that gets them */
    bool written;
    char unit[UNIT_BYTES];
    bool in_effect;                       /* the unit asks for them */
    bool restart;                         /* the machine runs, and has to be started again */
    bool runs;                            /* it does */
    bool valueless;                       /* a named credential is not in the store */
    bool imageless;                       /* the unit has nothing that it could start */
    bool sockets_enabled[BROKER_SOCKETS]; /* which were not before */
} Enabling;

static void enabling_done(Enabling *enabling)
{
    policy_unref(enabling->policy);
    free(enabling->credentials);
}

static int load_policy(Enabling *enabling, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_load(enabling->context, enabling->machine, &fault, &policy);

    if (r != 0 && r != OUTCOME_NOT_FOUND)
        return policy_fault_reason(&fault, r, reason);
    policy_unref(enabling->policy);
    enabling->policy = TAKE_PTR(policy);
    return 0;
}

static const PolicyCredential *find_credential(const Enabling *enabling, const char *id)
{
    return enabling->policy ? policy_find(enabling->policy, id) : NULL;
}

static size_t count_results(const Enabling *enabling, PolicyEditResult result)
{
    size_t count = 0;

    for (size_t i = 0; i < enabling->count; i++)
        count += enabling->credentials[i].result == result;
    return count;
}

/* --- which --- */

static int add_name(Enabling *enabling, const char *id, Reason *reason)
{
    CredentialName name;
    int r = credential_name_new(enabling->machine, id, reason, &name);

    if (r == 0)
        r = policy_id_check(id, reason);
    if (r != 0)
        return r;
    for (size_t i = 0; i < enabling->count; i++)
        if (strcmp(enabling->credentials[i].name.id, id) == 0)
            return 0;
    return ARRAY_ADD(enabling->credentials, enabling->count, (Enabled){.name = name}) ? 0 : -ENOMEM;
}

static int add_named(Enabling *enabling, char **ids, const Store *store, Reason *reason)
{
    int r = 0;

    enabling->named = true;
    for (; r == 0 && *ids; ids++)
        r = add_name(enabling, *ids, reason);
    for (size_t i = 0; r == 0 && i < enabling->count; i++) {
        const CredentialName *name = &enabling->credentials[i].name;
        const PolicyCredential *credential = find_credential(enabling, name->id);
        _cleanup_(bytes_done) Bytes file = {0};

        enabling->credentials[i].valueless =
            !(credential && credential->source != POLICY_STORE) &&
            !(store && store_read(store, name, NULL, &file) != OUTCOME_NOT_FOUND);
        enabling->valueless = enabling->valueless || enabling->credentials[i].valueless;
    }
    return r;
}

/* Says which credentials of the policy have no value. */
static void note_valueless(const Enabling *enabling)
{
    for (size_t i = 0; i < enabling->count; i++) {
        const CredentialName *name = &enabling->credentials[i].name;
        const PolicyCredential *credential = find_credential(enabling, name->id);
        bool live = credential && credential->delivery == POLICY_LIVE;
        char text[CREDENTIAL_NAME_TEXT_BYTES];
        Hint hint;

        if (!enabling->credentials[i].valueless)
            continue;
        credential_name_format(name, text);
        hint = hint_find(enabling->context, enabling->options, text);
        output_note(
            "%s has no value in the store yet, and %s%s %s not start without it%s %s %s%s%s", text,
            live ? "services in " : "", name->machine, live ? "do" : "does",
            hint.text[0] ? hint.text : ".",
            hint.text[0] ? "To take it out again: nspawn-creds disable"
                         : "Give it one: nspawn-creds set",
            name->machine, hint.text[0] ? " " : "@", shell_word(name->id).text);
    }
}

static int add_stored(Enabling *enabling, const Store *store, Reason *reason)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    Reason why;
    size_t count = 0;
    int r = store_list(store, enabling->machine, reason, &entries, &count);

    if (r != 0)
        return r;
    if (count == 0 && !enabling->policy)
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "the store holds no credentials of machine \"%s\", and no ID was given",
                          enabling->machine);
    /* the most recent one comes first */
    for (size_t i = count; r == 0 && i-- > 0;) {
        char text[CREDENTIAL_NAME_TEXT_BYTES];

        if (policy_id_check(entries[i].name.id, &why) == 0) {
            r = add_name(enabling, entries[i].name.id, reason);
            continue;
        }
        /* an older version, or the broker's user, has put it into the store */
        credential_name_format(&entries[i].name, text);
        output_note("%s is left out: %s. Give it another id: nspawn-creds rename %s NEW", text,
                    why.text, shell_word(text).text);
    }
    if (r == 0 && count > 0 && enabling->count == 0)
        return reason_set(reason, OUTCOME_INVALID_NAME, "no credential is left to enable");
    return r;
}

/* --- the policy --- */

/* Chooses the file that is written and reads it. A file that does not exist yet, -ENOENT, is like
 * an empty object. */
static int read_file(Enabling *enabling, Reason *reason, Bytes *ret)
{
    int r;

    snprintf(enabling->path, sizeof(enabling->path), POLICY_FOLDER "/%s.json", enabling->machine);
    r = rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret);
    if (r != -ENOENT || !enabling->policy)
        return r;
    snprintf(enabling->path, sizeof(enabling->path), POLICY_FOLDER "/%s.json.d/50-enabled.json",
             enabling->machine);
    return rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret);
}

/* Whether PATH takes precedence over our file: drop-ins come after the main file, in the order of
 * their names. */
static bool comes_after_ours(const Enabling *enabling, const char *path)
{
    const char *drop_in = strstr(path, ".json.d/"), *ours = strstr(enabling->path, ".json.d/");

    return drop_in && (!ours || strcmp(drop_in, ours) > 0);
}

/* As the options say. */
static int edit_put(PolicyEdit *edit, const char *id, struct json_object *basis,
                    const Options *options, Reason *reason, PolicyEditResult *ret)
{
    PolicyEditDelivery delivery = {
        .delivery = options->given & OPTION_DELIVERY ? &options->delivery : NULL,
        .services = options->given & OPTION_SERVICE ? options->services : NULL,
        .service_count = options->service_count,
        .on_change = options->given & OPTION_ON_CHANGE ? &options->on_change : NULL,
    };
    int r = policy_edit_put(edit, id, basis, &delivery, reason, ret);
    Reason why = *reason;

    return r == OUTCOME_USAGE ? reason_set(reason, r, "%.280s: see --live and --service=", why.text)
                              : r;
}

static bool has_service(const Options *options, const char *service)
{
    for (size_t i = 0; i < options->service_count; i++)
        if (strcmp(options->services[i], service) == 0)
            return true;
    return false;
}

/* --service= is the complete list: notes which services of OLD lose it. */
static void note_losers(const Options *options, const char *machine, const PolicyCredential *old)
{
    if (!(options->given & OPTION_SERVICE) || options->service_count == 0)
        return;
    if (old->delivery == POLICY_LIVE && old->service_count == 0)
        output_note("Until now any service in %s could take %s.", machine, old->id);
    for (size_t i = 0; i < old->service_count; i++)
        if (!has_service(options, old->services[i]))
            output_note("%s in %s no longer receives %s. If it is to, add: --service=%s",
                        old->services[i], machine, old->id, shell_word(old->services[i]).text);
}

static int put(const Enabling *enabling, PolicyEdit *edit, Enabled *credential, Reason *reason)
{
    _cleanup_(policy_edit_done) PolicyEdit other = {0};
    const char *id = credential->name.id;
    const PolicyCredential *old = find_credential(enabling, id);
    const PolicyFile *file = old ? &enabling->policy->files[old->file] : NULL;
    int r;

    if (old && !enabling->named)
        return 0;
    if (!old || strcmp(file->name, enabling->path) == 0)
        return edit_put(edit, id, NULL, enabling->options, reason, &credential->result);
    /* another file of the policy has it */
    r = policy_edit_new(bytes_view(&file->text), reason, &other);
    if (r != 0)
        return r;
    if (!comes_after_ours(enabling, file->name))
        return edit_put(edit, id, policy_edit_copy(&other, id), enabling->options, reason,
                        &credential->result);
    r = edit_put(&other, id, NULL, enabling->options, reason, &credential->result);
    if (r == 0 && credential->result != POLICY_EDIT_KEPT)
        r = reason_set(reason, OUTCOME_USAGE,
                       "%s is set in %s, which takes precedence over %s; change it there", id,
                       file->name, enabling->path);
    return r;
}

static int write_policy(Enabling *enabling, Reason *reason)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    _cleanup_(bytes_done) Bytes before = {0}, after = {0};
    const char *path = enabling->path;
    PolicyFault fault = {0};
    int r = read_file(enabling, reason, &before);
    bool is_new = r == -ENOENT;

    if (r == 0 || is_new)
        r = policy_edit_new(bytes_view(&before), reason, &edit);
    for (size_t i = 0; r == 0 && i < enabling->count; i++)
        r = put(enabling, &edit, &enabling->credentials[i], reason);
    for (size_t i = 0; r == 0 && enabling->named && i < enabling->count; i++)
        if (find_credential(enabling, enabling->credentials[i].name.id))
            note_losers(enabling->options, enabling->machine,
                        find_credential(enabling, enabling->credentials[i].name.id));
    if (r != 0 || count_results(enabling, POLICY_EDIT_KEPT) == enabling->count)
        return r;
    if (!is_new && before.size == 0)
        r = confirm(
            enabling->options, reason,
            "%s is empty, which hides this machine's policies in other directories. Fill it?",
            path);
    if (r == 0 && edit.foreign)
        r = confirm(enabling->options, reason, "%s was edited by hand. Rewrite it?", path);
    if (r == 0)
        r = policy_edit_print(&edit, &after);
    if (r != 0)
        return r;
    /* parse the result as the broker will */
    r = policy_new(enabling->machine, path, &fault, &policy);
    if (r == 0)
        r = policy_file_parse(bytes_view(&after), path, policy, &fault);
    if (r != 0)
        return policy_fault_reason(&fault, r, reason);
    r = is_new ? policy_files_add(path, bytes_view(&after), reason)
               : rewrite_write(path, bytes_view(&before), bytes_view(&after), reason);
    if (r != 0)
        return r;
    enabling->written = true;
    return load_policy(enabling, reason);
}

/* --- the units --- */

/* Whether the machine's unit asks for the enabled credentials, and the machine, which runs, has to
 * restart for them: live delivery only needs the mount in the container. */
static void look_at_unit(Enabling *enabling, Manager *manager)
{
    _cleanup_(manager_service_done) ManagerService service = {0};
    _cleanup_(strings_freep) char **images = NULL;
    bool known = manager_service(manager, enabling->unit, NULL, &service) == 0, bound = false;
    ManagerUnit state;

    enabling->runs = manager_unit(manager, enabling->unit, NULL, &state) == 0 &&
                     strcmp(state.active, "active") == 0;
    enabling->restart = enabling->runs &&
                        (manager_live_is_bound(manager, enabling->machine, &bound) != 0 || !bound);
    enabling->imageless = known && !enabling->runs && !manager_service_names_image(&service) &&
                          manager_images(manager, &images) == 0 &&
                          !strings_have(images, enabling->machine);
    enabling->in_effect = known;
    for (size_t i = 0; i < enabling->count; i++) {
        const PolicyCredential *credential =
            find_credential(enabling, enabling->credentials[i].name.id);

        if (!credential || credential->delivery != POLICY_LIVE)
            enabling->restart = enabling->runs;
        if (!credential || !known || !manager_service_asks(&service, enabling->machine, credential))
            enabling->in_effect = false;
    }
}

static int take_effect(Enabling *enabling, Reason *reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    int r = manager_new(&terminal_observer, reason, &manager);

    if (r == 0)
        r = manager_reload(manager, reason);
    for (size_t i = 0; r == 0 && i < BROKER_SOCKETS; i++) {
        observer_wait_begin(&terminal_observer, broker_sockets[i]);
        r = manager_enable_socket(manager, broker_sockets[i], BROKER_UNIT, reason,
                                  &enabling->sockets_enabled[i]);
        observer_wait_end(&terminal_observer);
    }
    if (r == 0)
        look_at_unit(enabling, manager);
    return r;
}

/* --- words --- */

/* "Added to PATH: password, token." */
static void say_results(const Enabling *enabling, PolicyEditResult result, const char *words)
{
    const char *separator = "";

    if (count_results(enabling, result) == 0)
        return;
    printf("%s %s: ", words, enabling->path);
    for (size_t i = 0; i < enabling->count; i++)
        if (enabling->credentials[i].result == result) {
            printf("%s%s", separator, enabling->credentials[i].name.id);
            separator = ", ";
        }
    printf(".\n");
}

static void report_policy(const Enabling *enabling)
{
    say_results(enabling, POLICY_EDIT_ADDED, "Added to");
    say_results(enabling, POLICY_EDIT_CHANGED, "Changed in");
    if (!enabling->written)
        printf("Nothing to change: %s's policy already lists them.\n", enabling->machine);
    for (size_t i = 0; i < enabling->count; i++) {
        const Enabled *enabled = &enabling->credentials[i];
        const PolicyCredential *credential = find_credential(enabling, enabled->name.id);

        if (enabled->result != POLICY_EDIT_KEPT && credential &&
            credential->delivery == POLICY_LIVE)
            printf("In the container, %s%s needs: LoadCredential=%s:" LIVE_MOUNT_INSIDE
                       LIVE_MOUNT_SOCKET "\n",
                   credential->service_count > 0 ? credential->services[0] : "a service",
                   credential->service_count > 1 ? " and the others" : "", credential->id);
    }
    if (!enabling->named && enabling->options->given & DELIVERY_OPTIONS &&
        count_results(enabling, POLICY_EDIT_KEPT) > 0)
        output_note("Existing entries were not changed. To change how one is delivered, name it: "
                    "nspawn-creds enable %s ID...",
                    enabling->machine);
}

/* Says what the broker would refuse of the policy, and returns whether there is any of it. Without
 * its answer there is nothing to say. The service manager opens by itself what is native. */
static bool note_refused(const Enabling *enabling)
{
    _cleanup_(json_object_putp) struct json_object *all = json_object_new_array();
    const BrokerCheck check = {.context = enabling->context, .machine = enabling->machine};
    Reason reason = {0};
    bool refused = false;

    if (broker_check(CLIENT_DEFAULT_PATH, &check, &terminal_observer, &reason, all) != 0)
        return false;
    for (size_t i = 0; i < json_length(all); i++) {
        struct json_object *checked = json_object_array_get_idx(all, i);
        const char *id = varlink_text(checked, "credential");
        const PolicyCredential *credential = id ? find_credential(enabling, id) : NULL;
        int rc = broker_check_outcome(checked, &reason);

        if (rc == 0 || !credential || credential->delivery == POLICY_NATIVE)
            continue;
        output_note("The broker would refuse %s@%s now: %s", enabling->machine, id,
                    outcome_reason(rc, &reason));
        refused = true;
    }
    return refused;
}

static void report_next(const Enabling *enabling)
{
    const char *machine = enabling->machine;

    for (size_t i = 0; i < BROKER_SOCKETS; i++)
        if (enabling->sockets_enabled[i])
            printf("Enabled %s.\n", broker_sockets[i]);
    if (enabling->policy && stored_note_size(enabling->options, enabling->policy))
        return;
    if (enabling->in_effect && !enabling->valueless && note_refused(enabling))
        return;
    if (!enabling->in_effect)
        output_note("%s does not ask for them yet. To find out why: nspawn-creds doctor %s",
                    enabling->unit, machine);
    else if (enabling->valueless)
        printf("%s will receive them only when each has a value.\n", machine);
    else if (enabling->imageless)
        printf("%s will receive them when it starts, but no image of that name exists: machinectl "
               "list-images\n",
               machine);
    else if (enabling->restart)
        printf("%s is running, and will receive them when it restarts: systemctl restart %s\n",
               machine, enabling->unit);
    else if (enabling->runs)
        printf("%s is running, and its services will receive them when they start next.\n",
               machine);
    else
        printf("%s will receive them at its next start: machinectl start %s\n", machine, machine);
}

/* --- JSON --- */

static struct json_object *credential_to_json(const Enabling *enabling, const Enabled *enabled)
{
    static const char *const results[] = {[POLICY_EDIT_KEPT] = "kept",
                                          [POLICY_EDIT_ADDED] = "added",
                                          [POLICY_EDIT_CHANGED] = "changed"};
    const PolicyCredential *credential = find_credential(enabling, enabled->name.id);
    struct json_object *object = json_object_new_object();

    json_add_text(object, "id", enabled->name.id);
    json_add_text(object, "result", results[enabled->result]);
    if (credential) {
        json_add_text(object, "delivery", policy_delivery_names[credential->delivery]);
        json_add_text(object, "onChange", policy_change_names[credential->on_change]);
    }
    json_add(object, "services", json_texts(credential ? credential->services : NULL));
    return object;
}

static void print_json(const Enabling *enabling)
{
    struct json_object *object = json_object_new_object(), *credentials = json_object_new_array(),
                       *sockets = json_object_new_array();

    for (size_t i = 0; i < enabling->count; i++)
        json_object_array_add(credentials, credential_to_json(enabling, &enabling->credentials[i]));
    for (size_t i = 0; i < BROKER_SOCKETS; i++)
        if (enabling->sockets_enabled[i])
            json_object_array_add(sockets, json_object_new_string(broker_sockets[i]));
    json_add_text(object, "machine", enabling->machine);
    json_object_object_add(object, "file",
                           enabling->written ? json_object_new_string(enabling->path) : NULL);
    json_add(object, "credentials", credentials);
    json_add(object, "enabledSockets", sockets);
    json_add(object, "inEffect", json_object_new_boolean(enabling->in_effect));
    json_add(object, "restartNeeded", json_object_new_boolean(enabling->restart));
    output_json(object, enabling->options->json);
}

/* --- all --- */

/* Reads the policy, and finds out what to enable. */
static int find(Enabling *enabling, char **ids, Reason *reason)
{
    _cleanup_(store_freep) Store *store = NULL;
    int r = machine_name_check(enabling->machine, reason);

    if (r != 0)
        return r;
    snprintf(enabling->unit, sizeof(enabling->unit), "systemd-nspawn@%s.service",
             enabling->machine);
    r = load_policy(enabling, reason);
    if (r == 0)
        r = store_open_installed(enabling->options->host->store, reason, &store);
    if (r == -ENOENT && *ids)
        r = 0; /* there is no store yet */
    if (r != 0)
        return r;
    return *ids ? add_named(enabling, ids, store, reason) : add_stored(enabling, store, reason);
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(enabling_done) Enabling enabling = {
        .context = context, .options = options, .machine = arguments[0]};
    bool json = options->json != JSON_OFF;
    Reason reason = {0};
    int r = find(&enabling, arguments + 1, &reason);

    if (r == 0)
        r = write_policy(&enabling, &reason);
    if (r == 0)
        note_valueless(&enabling);
    if (r == 0 && !json)
        report_policy(&enabling);
    if (r == 0)
        r = take_effect(&enabling, &reason);
    if (r == 0 && !json)
        report_next(&enabling);
    /* say what was done even if a later step failed */
    if (json && (r == 0 || enabling.written))
        print_json(&enabling);
    return r == 0 ? 0 : hint_error(context, options, r, enabling.machine, &reason);
}

const Verb verb_enable = {
    .name = "enable",
    .arguments = "MACHINE [ID...]",
    .summary = "Deliver credentials to a machine, at its start or live",
    .details = "Adds the given credentials, or all that the store holds for MACHINE, to "
               "its policy,\n/etc/nspawn-creds/MACHINE.json, and reloads the service "
               "manager. Entries that the policy already\nhas are kept; for the given "
               "credentials the options change how they are delivered. Also enables\nthe "
               "broker's sockets. You can run it again at any time.",
    .options = OPTION_DELIVERY | OPTION_SERVICE | OPTION_ON_CHANGE | OPTION_JSON | OPTION_NO_ASK,
    .run = run,
};
