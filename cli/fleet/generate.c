/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet generate: gives secrets new values, by their recipes in fleet.json.
 */

#include "crypto/generate.h"
#include "base/array.h"
#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>

typedef struct NewSecret {
    const FleetSecret *secret;
    bool replaces;
    Bytes public; /* the public half of a key pair */
} NewSecret;

typedef struct NewSecrets {
    NewSecret *secrets;
    MasterChange *changes; /* as many */
    size_t count;
} NewSecrets;

static void new_secrets_done(NewSecrets *all)
{
    for (size_t i = 0; i < all->count; i++) {
        bytes_done(&all->secrets[i].public);
        master_change_done(&all->changes[i]);
    }
    free(all->secrets);
    free(all->changes);
}

static int add(const Repository *repository, const FleetSecret *secret, NewSecrets *all)
{
    NewSecret new = {secret, master_exists(repository, secret->name), {0}};
    MasterChange change = {.secret = strdup(secret->name)};

    if (!change.secret || !ARRAY_GROW(all->secrets, all->count) ||
        !ARRAY_GROW(all->changes, all->count)) {
        free(change.secret);
        return -ENOMEM;
    }
    all->secrets[all->count] = new;
    all->changes[all->count++] = change;
    return 0;
}

/* Those of NAMES; without any, those that have a recipe but no value. */
static int choose(const Repository *repository, char **names, Reason *reason, NewSecrets *all)
{
    int r = 0;

    for (size_t i = 0; r == 0 && !*names && i < repository->file.secret_count; i++) {
        const FleetSecret *secret = &repository->file.secrets[i];

        if (secret->generated && !master_exists(repository, secret->name))
            r = add(repository, secret, all);
    }
    for (; r == 0 && *names; names++) {
        const FleetSecret *secret = fleet_file_secret(&repository->file, *names);

        if (!secret)
            return reason_set(reason, OUTCOME_USAGE, "there is no secret \"%.80s\" in %s", *names,
                              REPOSITORY_FILE);
        if (!secret->generated)
            return reason_set(reason, OUTCOME_USAGE,
                              "%s has no recipe in %s (\"generate\"). To generate a value once: "
                              "nspawn-creds fleet add secret %s --generate=RECIPE",
                              *names, REPOSITORY_FILE, *names);
        r = add(repository, secret, all);
    }
    return r;
}

/* Asks once for all values that are replaced. */
static int confirm_all(const Options *options, const NewSecrets *all, Reason *reason)
{
    _cleanup_(writer_done) Writer names = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    size_t count = 0;
    int r;

    for (size_t i = 0; i < all->count; i++)
        if (all->secrets[i].replaces) {
            writer_text(&names, count++ > 0 ? ", " : "");
            writer_text(&names, all->secrets[i].secret->name);
        }
    r = writer_take(&names, &text);
    if (r != 0 || count == 0)
        return r;
    return confirm(options, reason, "%.*s: %s already. Replace %s?", (int)text.size,
                   (const char *)text.data, count == 1 ? "it has a value" : "they have values",
                   count == 1 ? "it" : "them");
}

static int generate(const Workspace *work, NewSecret *new, MasterChange *change, Reason *reason)
{
    const FleetSecret *secret = new->secret;
    _cleanup_(secret_freep) Secret *value = NULL;
    int r = generate_secret(work->context, &secret->recipe, secret->name, reason, &value);

    if (r == 0 && recipe_types[secret->recipe.type].pair)
        r = generate_public(&secret->recipe, value, secret->name, reason, &new->public);
    return r == 0 ? master_encrypt(&work->program, &work->recipients, value, reason, &change->file)
                  : r;
}

static void report(const Options *options, const Repository *repository, const NewSecrets *all)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < all->count; i++) {
        const NewSecret *new = &all->secrets[i];
        BytesView half = bytes_view(&new->public);
        struct json_object *object = json_object_new_object();
        size_t hosts = repository_count_hosts(repository, new->secret->name);

        half.size -= half.size > 0; /* without its newline */
        json_add_text(object, "secret", new->secret->name);
        json_add(object, "replaced", json_object_new_boolean(new->replaces));
        json_add_view(object, "public", half);
        json_append(list, object);
        if (options->json != JSON_OFF)
            continue;
        if (half.size > 0)
            output_line(stdout, "%s: %.*s", new->secret->name, (int)half.size,
                        (const char *)half.data);
        output_note("%s: %s, for %zu host%s.", new->secret->name,
                    new->replaces ? "replaced" : "generated", hosts, plural(hosts));
    }
    if (options->json != JSON_OFF) {
        output_json(list, options->json);
        return;
    }
    json_object_put(list);
    if (all->count > 0)
        output_note("To seal for these hosts: nspawn-creds fleet seal");
    else
        output_note("Each secret with a recipe has a value already. To replace one: nspawn-creds "
                    "fleet generate SECRET");
}

static int run(const Context *context, const Options *options, char **arguments)
{
    _cleanup_(workspace_done) Workspace work = WORKSPACE_CLOSED(context, options);
    _cleanup_(new_secrets_done) NewSecrets all = {0};
    Reason reason = {0};
    int r = workspace_open(true, &reason, &work);

    if (r == 0)
        r = repository_match(&work.repository, &reason);
    if (r == 0)
        r = choose(&work.repository, arguments, &reason, &all);
    if (r == 0)
        r = confirm_all(options, &all, &reason);
    for (size_t i = 0; r == 0 && i < all.count; i++)
        r = generate(&work, &all.secrets[i], &all.changes[i], &reason);
    if (r == 0 && all.count > 0)
        r = masters_write(&work.repository, &work.recipients, all.changes, all.count, &reason);
    if (r != 0)
        return output_error(r, NULL, &reason);
    report(options, &work.repository, &all);
    return 0;
}

const Verb fleet_generate = {
    .name = "fleet generate",
    .arguments = "[SECRET...]",
    .summary = "Generate new values of secrets, by their recipes",
    .details = "Generates values of these secrets; without any, of all that have a recipe in "
               "fleet.json (\"generate\")\nand no value yet. All are stored, or none. Asks before "
               "it replaces values, unless --no-ask is given.\nFor a key pair it prints the public "
               "half.",
    .options = OPTION_REPOSITORY | OPTION_NO_ASK | OPTION_JSON,
    .run = run,
};
