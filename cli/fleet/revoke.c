/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * nspawn-creds fleet revoke: takes a host, a secret or a signer out of a fleet.
 *
 * fleet.json is written first: without it, the other file has no use, and the command can be
 * repeated.
 */

#include "base/fsutil.h"
#include "fleet/admin.h"
#include "fleet/verbs.h"
#include "terminal/input.h"
#include "terminal/output.h"

#include <errno.h>
#include <string.h>

/* Removes NAME from STRINGS. Whether it was there. */
static bool remove_string(char **strings, const char *name)
{
    char **to = strings;
    bool found;

    for (char **from = strings; *from; from++)
        if (strcmp(*from, name) == 0)
            free(*from);
        else
            *to++ = *from;
    found = *to;
    *to = NULL;
    return found;
}

/* --- hosts --- */

/* Removes the host NAME where fleet.json has it by name. RET_CHANGED: it had. */
static int remove_host(FleetFile *file, const char *name, Reason *reason, bool *ret_changed)
{
    *ret_changed = false;
    for (size_t i = 0; i < file->group_count; i++) {
        *ret_changed = remove_string(file->groups[i].hosts, name) || *ret_changed;
        if (!file->groups[i].hosts[0])
            return reason_set(reason, OUTCOME_USAGE,
                              "%s is all of the group %s. Remove that from %s, with its uses", name,
                              file->groups[i].name, REPOSITORY_FILE);
    }
    for (size_t i = 0; i < file->secret_count; i++) {
        *ret_changed = remove_string(file->secrets[i].hosts, name) || *ret_changed;
        if (!file->secrets[i].hosts[0])
            return reason_set(
                reason, OUTCOME_USAGE,
                "no other host gets %.60s. Revoke that first: nspawn-creds fleet revoke "
                "secret %.60s",
                file->secrets[i].name, file->secrets[i].name);
    }
    return 0;
}

/* NULL if there is no memory. */
static struct json_object *secrets_of(const RepositoryHost *host)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < host->secret_count; i++)
        json_append(list, json_object_new_string(host->secrets[i]->name));
    return list;
}

static int remove_identity(const Repository *repository, const char *name, Reason *reason)
{
    char file[LIMIT_FLEET_HOST_BYTES + sizeof(".json")];

    snprintf(file, sizeof(file), "%s.json", name);
    return repository_remove(repository, REPOSITORY_HOSTS, file, reason);
}

static void say_host(const Repository *repository, const char *name, struct json_object *secrets)
{
    output_note("%s is no longer in the fleet: the next fleet seal makes no files for it.", name);
    if (json_length(secrets) == 0)
        return;
    output_note(
        "That takes nothing back: its sealed files still open on its TPM, also copies of "
        "them, and its running containers keep the values. If you do not trust it any more, "
        "give these secrets other values, also where they are used:");
    for (size_t i = 0; i < json_length(secrets); i++) {
        const char *secret = json_object_get_string(json_object_array_get_idx(secrets, i));

        output_note("  nspawn-creds fleet %s %s",
                    fleet_file_secret(&repository->file, secret)->generated ? "generate"
                                                                            : "add secret",
                    secret);
    }
}

static int revoke_host(const Options *options, const char *name, Reason *reason)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(json_object_putp) struct json_object *secrets = NULL, *object = NULL;
    bool changed;
    int r = repository_open(options->repository, true, reason, &repository);

    if (r == 0)
        r = repository_match(&repository, reason);
    if (r != 0)
        return r;
    if (!repository_host(&repository, name))
        return reason_set(reason, OUTCOME_USAGE, "there is no host \"%.80s\" in the fleet", name);
    secrets = secrets_of(repository_host(&repository, name));
    r = remove_host(&repository.file, name, reason, &changed);
    if (r == 0)
        r = confirm(options, reason, "%s gets %zu secret%s. Remove it from fleet %s?", name,
                    json_length(secrets), plural(json_length(secrets)), repository.file.fleet);
    if (r == 0 && changed)
        r = repository_write_file(&repository, reason);
    if (r == 0)
        r = remove_identity(&repository, name, reason);
    if (r != 0)
        return r;
    if (options->json == JSON_OFF) {
        say_host(&repository, name, secrets);
        return 0;
    }
    object = json_object_new_object();
    json_add_text(object, "host", name);
    json_add(object, "secrets", TAKE_PTR(secrets));
    output_json(TAKE_PTR(object), options->json);
    return 0;
}

/* --- secrets --- */

static int remove_secret(FleetFile *file, const char *name)
{
    FleetSecret *secret = fleet_file_secret(file, name);
    size_t index;

    if (!secret)
        return -ENOENT;
    index = (size_t)(secret - file->secrets);
    fleet_secret_done(secret);
    memmove(secret, secret + 1, (file->secret_count - index - 1) * sizeof(*secret));
    file->secret_count--;
    return 0;
}

static void say_secret(const char *name, const CredentialName *credential, size_t hosts)
{
    output_note("%s is revoked. Hosts deliver it until they have accepted the next signed set.",
                name);
    if (hosts == 0)
        return;
    output_note(
        "That takes nothing back: the sealed files of %zu host%s still open on %s TPM%s, also "
        "copies of them; running containers keep the value; git's history has the master "
        "copy. If somebody may know it who should not, change it where it is used.",
        hosts, plural(hosts), hosts == 1 ? "its" : "their", plural(hosts));
    output_note(
        "The broker then refuses it to machines whose policy still lists it. On these hosts: "
        "nspawn-creds disable %s %s",
        credential->machine, credential->id);
}

static int revoke_secret(const Options *options, const char *name, Reason *reason)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    char file[LIMIT_FLEET_SECRET_BYTES + sizeof(".age")];
    CredentialName credential = {0};
    const FleetSecret *secret;
    bool has_master;
    size_t hosts;
    int r = repository_open(options->repository, true, reason, &repository);

    if (r == 0)
        r = repository_match(&repository, reason);
    if (r != 0)
        return r;
    secret = fleet_file_secret(&repository.file, name);
    has_master = fleet_secret_name_valid(name) && master_exists(&repository, name);
    if (!secret && !has_master)
        return reason_set(reason, OUTCOME_USAGE, "there is no secret \"%.80s\" in the fleet", name);
    if (secret)
        credential = secret->credential;
    hosts = repository_count_hosts(&repository, name);
    r = confirm(options, reason, "%zu host%s get%s %s. Remove it from fleet %s?", hosts,
                plural(hosts), hosts == 1 ? "s" : "", name, repository.file.fleet);
    if (r == 0 && secret) {
        remove_secret(&repository.file, name);
        r = repository_write_file(&repository, reason);
    }
    snprintf(file, sizeof(file), "%s.age", name);
    if (r == 0 && has_master)
        r = repository_remove(&repository, REPOSITORY_SECRETS, file, reason);
    if (r != 0)
        return r;
    if (options->json == JSON_OFF)
        say_secret(name, &credential, hosts);
    else {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "secret", name);
        json_add_number(object, "hosts", hosts);
        output_json(object, options->json);
    }
    return 0;
}

/* --- signers --- */

/* Removes the lines of the principal NAME from a file of allowed signers. RET is as it was if there
 * is none. */
static int remove_signer(BytesView file, const char *name, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    while (file.size > 0) {
        const uint8_t *newline = memchr(file.data, '\n', file.size);
        size_t size = newline ? (size_t)(newline - file.data) + 1 : file.size, begin = 0;

        while (begin < size && strchr(" \t", file.data[begin]) && file.data[begin])
            begin++;
        if (size - begin <= strlen(name) || memcmp(file.data + begin, name, strlen(name)) != 0 ||
            !strchr(" \t", file.data[begin + strlen(name)]))
            writer_bytes(&writer, (BytesView){file.data, size});
        file = (BytesView){file.data + size, file.size - size};
    }
    return writer_take(&writer, ret);
}

static int revoke_signer(const Context *context, const Options *options, const char *name,
                         Reason *reason)
{
    _cleanup_(repository_close) Repository repository = REPOSITORY_CLOSED;
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    _cleanup_(bytes_done) Bytes before = {0}, after = {0};
    _cleanup_(fleet_admin_done) FleetAdmin admin = {0};
    const char *fleet = repository.file.fleet;
    char path[PATH_MAX];
    Reason why = {0};
    int r = repository_open(options->repository, false, reason, &repository);

    if (r == 0)
        r = fleet_admin_load(context, fleet, reason, &admin);
    if (r == 0)
        r = fleet_admin_signers_path(&admin, fleet, reason, path);
    if (r == 0)
        r = rewrite_read(path, LIMIT_SIGNERS_BYTES, reason, &before);
    if (r == 0)
        r = remove_signer(bytes_view(&before), name, &after);
    if (r != 0)
        return r;
    if (after.size == before.size)
        return reason_set(reason, OUTCOME_USAGE, "there is no signer \"%.128s\" in %s", name, path);
    r = fleet_signers_parse(bytes_view(&after), path, admin.threshold, &why, &signers);
    if (r != 0)
        return reason_set(reason, r == OUTCOME_BAD_SIGNERS ? OUTCOME_USAGE : r,
                          "without %s, %s. Add the successor's key to this file first", name,
                          why.text);
    r = confirm(options, reason, "Remove the signer %s from %s?", name, path);
    if (r == 0)
        r = rewrite_write(path, bytes_view(&before), bytes_view(&after), reason);
    if (r != 0)
        return r;
    if (options->json == JSON_OFF) {
        output_note("You no longer count what %s signs.", name);
        output_note(
            "Each host still does, until its own file is changed by what configures the host: "
            "/etc/nspawn-creds/fleet/%s.signers. Hosts keep a set that %s has signed. A later "
            "statement replaces it: nspawn-creds fleet sign --renew",
            fleet, name);
    } else {
        struct json_object *object = json_object_new_object();

        json_add_text(object, "signer", name);
        json_add_number(object, "signers", fleet_signers_count(&signers));
        output_json(object, options->json);
    }
    return 0;
}

static int run(const Context *context, const Options *options, char **arguments)
{
    const char *what = arguments[0], *name = arguments[1];
    Reason reason = {0};
    int r;

    if (strcmp(what, "host") == 0)
        r = revoke_host(options, name, &reason);
    else if (strcmp(what, "secret") == 0)
        r = revoke_secret(options, name, &reason);
    else if (strcmp(what, "signer") == 0)
        r = revoke_signer(context, options, name, &reason);
    else
        r = reason_set(&reason, OUTCOME_USAGE,
                       "fleet revoke takes \"host\", \"secret\" or \"signer\", not \"%.40s\"",
                       what);
    return r == 0 ? 0 : output_error(r, NULL, &reason);
}

const Verb fleet_revoke = {
    .name = "fleet revoke",
    .arguments = "host|secret|signer NAME",
    .summary = "Take a host, a secret or a signer out of the fleet",
    .details =
        "It takes effect when hosts accept the next signed set. Nothing takes back what was "
        "delivered: sealed\nfiles still open on their TPM, also copies of them, and running "
        "containers keep the value. If\nsomebody may know a value who should not, it has to be "
        "changed where it is used. A signer is removed\nfrom your own file; each host has one, "
        "too. "
        "Asks, unless --no-ask is given.",
    .options = OPTION_REPOSITORY | OPTION_NO_ASK | OPTION_JSON,
    .run = run,
};
