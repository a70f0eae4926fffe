/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet add: adds a host or a secret, or gives a secret another value.
 */

#include "base/array.h"
#include "enrolment/enrolment_input.h"
#include "fleet/add_host.h"
#include "fleet/verbs.h"
#include "fleet/workspace.h"
#include "policy/policy.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>

/* --- hosts --- */

static void report_host(const Options *options, const char *name, bool replaced, bool proved)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    const char *done = replaced ? "replaced" : "added",
               *state = proved ? ", and its TPM is proved" : "";
    struct json_object *object, *secrets;
    const RepositoryHost *host;
    Reason reason = {0};
    int r = repository_open(options->repository, false, &reason, &repository);

    if (r == 0)
        r = repository_match(&repository, &reason);
    host = r == 0 ? repository_host(&repository, name) : NULL;
    if (options->json == JSON_OFF) {
        if (!host) /* such as for another one that is still to be added */
            output_note("%s: %s%s. The repository is not valid yet: %s", name, done, state,
                        reason.text);
        else
            output_note("%s: %s%s. It gets %zu secret%s of fleet %s.", name, done, state,
                        host->secret_count, plural(host->secret_count), repository.file.fleet);
        return;
    }
    object = json_object_new_object();
    secrets = json_object_new_array();
    for (size_t i = 0; host && i < host->secret_count; i++)
        json_append(secrets, json_object_new_string(host->secrets[i]->name));
    json_add_text(object, "host", name);
    json_add(object, "replaced", json_object_new_boolean(replaced));
    json_add(object, "proved", json_object_new_boolean(proved));
    json_add(object, "secrets", secrets);
    output_json(object, options->json);
}

static int add_host(const Context *context, const Options *options, const char *name,
                    const char *path, Reason *reason)
{
    _cleanup_(identity_done) Identity identity = {0};
    bool replaced, proved;
    int r;

    if (options->given & (OPTION_AS | OPTION_TO | OPTION_GENERATE | OPTION_NEWLINE))
        return reason_set(reason, OUTCOME_USAGE,
                          "--as=, --to=, --generate= and --newline= are for secrets");
    if (!fleet_host_name_valid(name))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\": the name of a host consists of up to %zu of a-z, 0-9 and "
                          "\"-\", with a letter or digit at both ends",
                          name, LIMIT_FLEET_HOST_BYTES);
    r = enrolment_read_identity(path, reason, &identity);
    if (r == OUTCOME_BAD_IDENTITY)
        reason_prefix(reason, r, "%s: ", input_name(path));
    if (r == 0)
        r = host_add(context, options, name, &identity, reason, &replaced, &proved);
    if (r == 0)
        report_host(options, name, replaced, proved);
    return r;
}

/* --- secrets --- */

/* Adds the secret NAME to fleet.json, in memory. */
static int add_to_file(FleetFile *file, const Options *options, const char *name, Reason *reason)
{
    _cleanup_(fleet_secret_done) FleetSecret secret = {
        .generated = options->given & OPTION_GENERATE, .recipe = options->generate};
    int r;

    if (!fleet_secret_name_valid(name))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.80s\": the name of a secret consists of letters, digits and "
                          "\"-_.\", and does not begin with \"-\" or \".\"",
                          name);
    if (!options->as || !options->to)
        return reason_set(reason, OUTCOME_USAGE, "%s is new: %s missing", name,
                          options->as   ? "--to=HOSTS is"
                          : options->to ? "--as=MACHINE@ID is"
                                        : "--as=MACHINE@ID and --to=HOSTS are");
    r = credential_name_parse(options->as, reason, &secret.credential);
    if (r == 0)
        r = policy_id_check(secret.credential.id, reason);
    if (r == 0)
        r = host_list_split(options->to, &secret.hosts);
    if (r != 0)
        return r;
    secret.name = strdup(name);
    return secret.name ? fleet_file_add_secret(file, &secret) : -ENOMEM;
}

/* Finds all mistakes before the value is read. RET_IS_NEW: fleet.json has to be written. */
static int prepare(Workspace *work, const char *name, const char *input, Reason *reason,
                   bool *ret_is_new)
{
    const Options *options = work->options;
    Repository *repository = &work->repository;
    const FleetSecret *known;
    int r = input_check_value(options, input, reason);

    if (r == 0)
        r = workspace_open(true, reason, work);
    if (r != 0)
        return r;
    known = fleet_file_secret(&repository->file, name);
    *ret_is_new = !known;
    if (known && options->given & (OPTION_AS | OPTION_TO))
        return reason_set(
            reason, OUTCOME_USAGE,
            "%s is in %s already: --as= and --to= are for a new secret. Edit the file "
            "to change them",
            name, REPOSITORY_FILE);
    if (!known)
        r = add_to_file(&repository->file, options, name, reason);
    if (r == 0)
        r = repository_check_file(repository, reason);
    if (r == OUTCOME_BAD_REPOSITORY && !known)
        r = OUTCOME_USAGE; /* it is valid without this secret, or the reason names another one */
    if (r == 0 && master_exists(repository, name))
        r = confirm(options, reason, "%s has a value already. Replace it?", name);
    return r;
}

static int report_secret(const Options *options, const Repository *repository, const char *name,
                         bool replaced, BytesView public)
{
    struct json_object *object;
    size_t hosts = repository_count_hosts(repository, name);

    if (options->json == JSON_OFF) {
        if (public.size > 0)
            output_line(stdout, "%.*s", (int)public.size - 1, (const char *)public.data);
        if (hosts == 0)
            output_note("%s: %s, but the fleet has no host that gets it yet", name,
                        replaced ? "replaced" : "added");
        else
            output_note("%s: %s, for %zu host%s. To seal it for them: nspawn-creds fleet seal",
                        name, replaced ? "replaced" : "added", hosts, plural(hosts));
        return 0;
    }
    object = json_object_new_object();
    json_add_text(object, "secret", name);
    json_add(object, "replaced", json_object_new_boolean(replaced));
    json_add_number(object, "hosts", hosts);
    if (public.size > 0)
        json_add_view(object, "public", (BytesView){public.data, public.size - 1});
    output_json(object, options->json);
    return 0;
}

static int add_secret(const Context *context, const Options *options, const char *name,
                      const char *input, Reason *reason)
{
    _cleanup_(workspace_done) Workspace work = WORKSPACE_CLOSED(context, options);
    _cleanup_(master_change_done) MasterChange change = {0};
    _cleanup_(input_value_done) InputValue value = {0};
    bool is_new, replaces;
    int r = prepare(&work, name, input, reason, &is_new);

    if (r == 0)
        r = input_get_value(context, options, input, name, reason, &value);
    if (r != 0)
        return r;
    input_note_newline(options, &value);
    r = master_encrypt(&work.program, &work.recipients, value.secret, reason, &change.file);
    if (r != 0)
        return r;
    change.secret = strdup(name);
    if (!change.secret)
        return -ENOMEM;
    /* a master that fleet.json does not name does no harm; the other way round it would */
    replaces = master_exists(&work.repository, name);
    r = masters_write(&work.repository, &work.recipients, &change, 1, reason);
    if (r == 0 && is_new)
        r = repository_write_file(&work.repository, reason);
    return r == 0
               ? report_secret(options, &work.repository, name, replaces, bytes_view(&value.public))
               : r;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *what = arguments[0], *name = arguments[1], *path = arguments[2];
    Reason reason = {0};
    int r;

    if (strcmp(what, "host") == 0)
        r = add_host(context, options, name, path, &reason);
    else if (strcmp(what, "secret") == 0)
        r = add_secret(context, options, name, path, &reason);
    else
        r = reason_set(&reason, OUTCOME_USAGE,
                       "fleet add takes \"host\" or \"secret\", not \"%.40s\"", what);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
}

const Verb fleet_add = {
    .name = "fleet add",
    .arguments = "host|secret NAME [FILE]",
    .summary = "Add a host or a secret, or give a secret another value",
    .details =
        "A host's FILE is its identity, as \"host export\" prints it there. A secret's FILE is its "
        "value; without\none it is typed, generated (--generate=) or read from standard input. "
        "A new secret needs --as= and\n--to=. The value is encrypted to the recipients; in clear "
        "it is "
        "in memory only. Asks before it\nreplaces anything, unless --no-ask is given.",
    .options = OPTION_REPOSITORY | OPTION_AS | OPTION_TO | OPTION_GENERATE | OPTION_NEWLINE |
               OPTION_NO_ASK | OPTION_JSON | OPTION_PROVED,
    .run = run,
};
