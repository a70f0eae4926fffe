/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds enable: a machine gets its credentials, at its start or live.
 *
 * They are added to the machine's policy, or changed in it, which the broker's own parser has to
 * take before it is put in place; the service manager reads its units anew, so that
 * nspawn-creds-generator(8) writes the drop-in; and the broker's sockets are enabled. All of it may
 * be so already: then nothing happens.
 *
 * A policy that another place than /etc has stays what it is: the credentials then go into a
 * drop-in, for a file of the same name in /etc would hide it. What somebody else has written in the
 * file is not changed unasked, and what a later drop-in says is not changed at all, for it would
 * count all the same.
 */

#include "base/fsutil.h"
#include "base/json.h"
#include "base/rewrite.h"
#include "policy/policy_file.h"
#include "policy/policy_load.h"
#include "store/store_installed.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "verb/enable_report.h"

#include <errno.h>
#include <string.h>

#define POLICY_FILE_MODE ((mode_t)0644)

static void enabling_done(Enabling *enabling)
{
    policy_unref(enabling->policy);
    free(enabling->credentials);
    free(enabling->path);
}

/* --- which --- */

static int add_name(Enabling *enabling, const char *id, Reason *reason)
{
    CredentialName name;
    int r = credential_name_new(enabling->machine, id, reason, &name);

    if (r != 0)
        return r;
    if (!policy_id_valid(id))
        return reason_set(reason, OUTCOME_INVALID_NAME,
                          "\"%.80s\" cannot stand in a policy: ids there have letters, digits and "
                          "-_.+@,=~",
                          id);
    for (size_t i = 0; i < enabling->count; i++)
        if (strcmp(enabling->credentials[i].name.id, id) == 0)
            return 0;
    enabling->credentials[enabling->count++].name = name;
    return 0;
}

/* A remark where there is nothing to give yet. */
static void look_for(const Store *store, const CredentialName *name)
{
    _cleanup_(bytes_done) Bytes file = {0};

    if (!store || store_read(store, name, NULL, &file) == OUTCOME_NOT_FOUND)
        output_note("The store has no %s@%s yet. Give it a value with: nspawn-creds set %s@%s",
                    name->machine, name->id, name->machine, name->id);
}

static int add_named(Enabling *enabling, char **ids, const Store *store, Reason *reason)
{
    size_t count = 0;
    int r = 0;

    while (ids[count])
        count++;
    enabling->named = true;
    enabling->credentials = calloc(count, sizeof(enabling->credentials[0]));
    if (!enabling->credentials)
        return -ENOMEM;
    for (; r == 0 && *ids; ids++)
        r = add_name(enabling, *ids, reason);
    for (size_t i = 0; r == 0 && i < enabling->count; i++)
        if (!enabling_in_policy(enabling, enabling->credentials[i].name.id))
            look_for(store, &enabling->credentials[i].name);
    return r;
}

static int add_stored(Enabling *enabling, const Store *store, Reason *reason)
{
    _cleanup_(freep) StoreEntry *entries = NULL;
    size_t count = 0;
    int r = store_list(store, enabling->machine, reason, &entries, &count);

    if (r != 0)
        return r;
    if (count == 0 && !enabling->policy)
        return reason_set(reason, OUTCOME_NOT_FOUND,
                          "the store has no credential of machine \"%s\", and none is named",
                          enabling->machine);
    enabling->credentials = calloc(count + 1, sizeof(enabling->credentials[0]));
    if (!enabling->credentials)
        return -ENOMEM;
    /* the last written comes first */
    for (size_t i = count; r == 0 && i-- > 0;)
        r = add_name(enabling, entries[i].name.id, reason);
    return r;
}

/* --- the policy --- */

static int load(Enabling *enabling, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_load(enabling->context, enabling->machine, &fault, NULL, &policy);

    if (r != 0 && r != OUTCOME_NOT_FOUND)
        return policy_fault_reason(&fault, r, reason);
    policy_unref(enabling->policy);
    enabling->policy = TAKE_PTR(policy);
    return 0;
}

/* Which file is written, and what it has; none is like an empty object. */
static int read_file(Enabling *enabling, Reason *reason, Bytes *ret)
{
    int r = enabling_file(enabling->machine, &enabling->path);

    if (r != 0)
        return r;
    r = rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret);
    if (r != -ENOENT || !enabling->policy)
        return r;
    free(enabling->path);
    enabling->path = NULL;
    r = enabling_drop_in(enabling->machine, &enabling->path);
    return r == 0 ? rewrite_read(enabling->path, LIMIT_POLICY_BYTES, reason, ret) : r;
}

static bool is_drop_in(const char *path)
{
    return strstr(path, ".json.d/");
}

/* Whether what PATH says of a credential counts whatever ours says: drop-ins come after the main
 * file, in the order of their names. */
static bool comes_after_ours(const Enabling *enabling, const char *path)
{
    if (!is_drop_in(path))
        return false;
    return !is_drop_in(enabling->path) ||
           strcmp(strrchr(path, '/'), strrchr(enabling->path, '/')) > 0;
}

/* The file of the policy that CREDENTIAL is in, unless it is the one that is written. */
static const PolicyFile *other_file(const Enabling *enabling, const char *id)
{
    const PolicyCredential *credential = enabling_in_policy(enabling, id);
    const PolicyFile *file = credential ? &enabling->policy->files[credential->file] : NULL;

    return file && strcmp(file->name, enabling->path) != 0 ? file : NULL;
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

static int put(const Enabling *enabling, PolicyEdit *edit, Enabled *credential, Reason *reason)
{
    _cleanup_(policy_edit_done) PolicyEdit other = {0};
    const char *id = credential->name.id;
    const PolicyFile *file = other_file(enabling, id);
    int r;

    if (!enabling->named && enabling_in_policy(enabling, id))
        return 0;
    if (!file)
        return edit_put(edit, id, NULL, enabling->options, reason, &credential->result);
    r = policy_edit_new(bytes_view(&file->text), reason, &other);
    if (r != 0)
        return r;
    if (!comes_after_ours(enabling, file->name))
        return edit_put(edit, id, policy_edit_copy(&other, id), enabling->options, reason,
                        &credential->result);
    r = edit_put(&other, id, NULL, enabling->options, reason, &credential->result);
    if (r == 0 && credential->result != POLICY_EDIT_KEPT)
        r = reason_set(reason, OUTCOME_USAGE,
                       "%s stands in %s, which counts more than %s: change "
                       "it there",
                       id, file->name, enabling->path);
    return r;
}

/* As the broker will read it. */
static int validate(const Enabling *enabling, BytesView text, Reason *reason)
{
    _cleanup_(policy_unrefp) Policy *policy = NULL;
    PolicyFault fault = {0};
    int r = policy_new(enabling->machine, enabling->path, &fault, &policy);

    if (r == 0)
        r = policy_file_parse(text, enabling->path, policy, &fault);
    return r == 0 ? 0 : policy_fault_reason(&fault, r, reason);
}

/* What has to be asked before a file that is there is changed. */
static int ask(const Enabling *enabling, const PolicyEdit *edit, bool is_empty, Reason *reason)
{
    int r = 0;

    if (is_empty)
        r = confirm(enabling->options, reason,
                    "%s is empty, which hides policies of this machine in other places. Fill it?",
                    enabling->path);
    if (r == 0 && edit->foreign)
        r = confirm(enabling->options, reason, "Somebody else has written %s. Change it?",
                    enabling->path);
    return r;
}

/* Writes what the file is to be; BEFORE is NULL if there is none. */
static int write_file(const Enabling *enabling, const PolicyEdit *edit, const Bytes *before,
                      Reason *reason)
{
    _cleanup_(bytes_done) Bytes after = {0};
    int r = policy_edit_print(edit, &after);

    if (r == 0)
        r = validate(enabling, bytes_view(&after), reason);
    if (r == 0 && !before)
        r = enabling_make_folder(enabling->path, reason);
    if (r != 0)
        return r;
    if (before)
        return rewrite_write(enabling->path, bytes_view(before), bytes_view(&after), reason);
    return file_write(enabling->path, bytes_view(&after),
                      (FileOwnership){POLICY_FILE_MODE, (gid_t)-1}, false, reason);
}

static int write_policy(Enabling *enabling, Reason *reason)
{
    _cleanup_(policy_edit_done) PolicyEdit edit = {0};
    _cleanup_(bytes_done) Bytes before = {0};
    int r = read_file(enabling, reason, &before);
    bool is_new = r == -ENOENT;

    if (r == 0 || is_new)
        r = policy_edit_new(bytes_view(&before), reason, &edit);
    for (size_t i = 0; r == 0 && i < enabling->count; i++)
        r = put(enabling, &edit, &enabling->credentials[i], reason);
    if (r != 0 || enabling_count(enabling, POLICY_EDIT_KEPT) == enabling->count)
        return r;
    r = ask(enabling, &edit, !is_new && before.size == 0, reason);
    if (r == 0)
        r = write_file(enabling, &edit, is_new ? NULL : &before, reason);
    if (r != 0)
        return r;
    enabling->written = true;
    return load(enabling, reason);
}

/* --- the units --- */

static int enable_sockets(Enabling *enabling, Manager *manager, Reason *reason)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ENABLING_SOCKETS; i++) {
        progress_begin(enabling_sockets[i]);
        r = manager_enable_socket(manager, enabling_sockets[i], ENABLING_BROKER, reason,
                                  &enabling->sockets_enabled[i]);
        progress_end();
    }
    return r;
}

/* Whether the machine's unit asks for what is enabled. */
static bool is_in_effect(Manager *manager, const Enabling *enabling)
{
    _cleanup_(manager_service_done) ManagerService service = {0};

    if (manager_service(manager, enabling->unit, NULL, &service) != 0)
        return false;
    for (size_t i = 0; i < enabling->count; i++) {
        const PolicyCredential *credential =
            enabling_in_policy(enabling, enabling->credentials[i].name.id);

        if (!credential || !enabling_unit_asks(&service, enabling->machine, credential))
            return false;
    }
    return true;
}

/* Live delivery needs nothing of a container but the place that is bound into it. */
static bool needs_restart(Manager *manager, const Enabling *enabling)
{
    bool bound = false;

    for (size_t i = 0; i < enabling->count; i++) {
        const PolicyCredential *credential =
            enabling_in_policy(enabling, enabling->credentials[i].name.id);

        if (!credential || credential->delivery != POLICY_LIVE)
            return true;
    }
    return enabling_live_is_bound(manager, enabling->machine, &bound) != 0 || !bound;
}

static int take_effect(Enabling *enabling, Reason *reason)
{
    _cleanup_(manager_freep) Manager *manager = NULL;
    ManagerUnit state;
    int r = manager_new(reason, &manager);

    if (r == 0) {
        progress_begin("the service manager to read its units again");
        r = manager_reload(manager, reason);
        progress_end();
    }
    if (r == 0)
        r = enable_sockets(enabling, manager, reason);
    if (r != 0)
        return r;
    enabling->in_effect = is_in_effect(manager, enabling);
    enabling->runs = manager_unit(manager, enabling->unit, NULL, &state) == 0 &&
                     strcmp(state.active, "active") == 0;
    enabling->restart = enabling->runs && needs_restart(manager, enabling);
    return 0;
}

/* --- all --- */

/* What is to be enabled: the policy as it is, and what it is to have. */
static int find(Enabling *enabling, char **ids, Reason *reason)
{
    _cleanup_(store_freep) Store *store = NULL;
    int r;

    if (!machine_name_valid(enabling->machine))
        return reason_set(reason, OUTCOME_INVALID_NAME, "\"%.80s\" is not a machine's name",
                          enabling->machine);
    snprintf(enabling->unit, sizeof(enabling->unit), "systemd-nspawn@%s.service",
             enabling->machine);
    r = load(enabling, reason);
    if (r == 0)
        r = store_open_installed(enabling->options->host->store, reason, &store);
    if (r == -ENOENT && *ids)
        r = 0; /* nothing was sealed yet */
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
    if (r == 0 && !json)
        enable_report_policy(&enabling);
    if (r == 0)
        r = take_effect(&enabling, &reason);
    if (r == 0 && !json)
        enable_report_next(&enabling);
    /* what was done is told also where the rest failed */
    if (json && (r == 0 || enabling.written)) {
        int printed = enable_report_json(&enabling);

        r = r == 0 ? printed : r;
    }
    return r == 0 ? 0 : output_error(r, enabling.machine, &reason);
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
    .arguments_min = 1,
    .arguments_max = ARGUMENTS_ANY,
    .run = run,
};
