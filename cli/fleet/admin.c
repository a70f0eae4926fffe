/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/admin.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "fleet/carrier_settings.h"
#include "own_file.h"
#include "terminal/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* Nesting: the file, the carrier, its endpoints, one of them. */
#define DEPTH 4

int fleet_admin_path(const char *fleet, const char *suffix, Reason *reason, char path[PATH_MAX])
{
    char name[sizeof("fleet/") + LIMIT_FLEET_NAME_BYTES + 32];

    snprintf(name, sizeof(name), "fleet/%s%s", fleet, suffix);
    return own_file_path(name, reason, path);
}

int fleet_admin_read(const Context *context, const char *path, size_t limit, Reason *reason,
                     Bytes *ret)
{
    _cleanup_(closep) int fd = -1;
    int r = own_file_open(context, path, reason, &fd);

    if (r == 0)
        r = file_read_fd(fd, path, limit, reason, ret);
    return r > 0 && r != OUTCOME_NOT_FOUND ? OUTCOME_BAD_FLEET_CONFIG : r;
}

/* --- the configuration --- */

void fleet_admin_done(FleetAdmin *admin)
{
    free(admin->signers);
    free(admin->key);
    free(admin->identity);
    strings_free(admin->open);
    strings_free(admin->encrypt);
    json_object_put(admin->carrier);
    *admin = (FleetAdmin){0};
}

/* A path; "~/" is the home directory. */
static int read_path(struct json_object *value, const char *name, Reason *reason, char **ret)
{
    const char *text = json_text(value), *home = getenv("HOME");
    int length;

    if (text && strncmp(text, "~/", 2) == 0 && home)
        length = asprintf(ret, "%s%s", home, text + 1);
    else if (text && text[0] == '/')
        length = asprintf(ret, "%s", text);
    else
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "\"%s\" must be a path that begins with / or ~/", name);
    if (length < 0) {
        *ret = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int read_command(struct json_object *value, const char *name, Reason *reason, char ***ret)
{
    size_t count = 0;

    for (size_t i = 0; i < json_length(value); i++) {
        const char *word = json_text(json_object_array_get_idx(value, i));

        if (!word || (i == 0 && !word[0]))
            return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "\"%s\" must be a list of words",
                              name);
        if (!strings_add(ret, &count, word))
            return -ENOMEM;
    }
    return count > 0 ? 0
                     : reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                                  "\"%s\" must be a command, a list of words", name);
}

static int read_carrier(struct json_object *value, Reason *reason, struct json_object **ret)
{
    _cleanup_(carrier_settings_done) CarrierSettings settings = {0};
    int r = carrier_settings_parse(value, reason, &settings);

    if (r == 0)
        *ret = json_object_get(value);
    return r;
}

static int read_member(const char *name, struct json_object *value, Reason *reason,
                       FleetAdmin *admin)
{
    int64_t number;

    if (strcmp(name, "signers") == 0)
        return read_path(value, name, reason, &admin->signers);
    if (strcmp(name, "key") == 0)
        return read_path(value, name, reason, &admin->key);
    if (strcmp(name, "identity") == 0)
        return read_path(value, name, reason, &admin->identity);
    if (strcmp(name, "open") == 0)
        return read_command(value, name, reason, &admin->open);
    if (strcmp(name, "encrypt") == 0)
        return read_command(value, name, reason, &admin->encrypt);
    if (strcmp(name, "carrier") == 0)
        return read_carrier(value, reason, &admin->carrier);
    if (strcmp(name, "threshold") != 0)
        return reason_set(
            reason, OUTCOME_BAD_FLEET_CONFIG,
            "unknown member \"%.40s\"; there are carrier, signers, threshold, key, identity, open "
            "and encrypt",
            name);
    if (!json_number(value, 1, (int64_t)LIMIT_FLEET_SIGNATURES, &number))
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "\"threshold\" must be a number from 1 to %zu", LIMIT_FLEET_SIGNATURES);
    admin->threshold = (size_t)number;
    return 0;
}

static int parse(BytesView text, Reason *reason, FleetAdmin *admin)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    int r = json_parse(text, DEPTH, NULL, reason, &object);

    if (r == 0 && !json_object_is_type(object, json_type_object))
        r = reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "it is not an object");
    if (r != 0)
        return r < 0 ? r : OUTCOME_BAD_FLEET_CONFIG;
    json_object_object_foreach(object, name, value)
    {
        r = read_member(name, value, reason, admin);
        if (r != 0)
            return r;
    }
    return 0;
}

int fleet_admin_load(const Context *context, const char *fleet, Reason *reason, FleetAdmin *ret)
{
    _cleanup_(fleet_admin_done) FleetAdmin admin = {.threshold = 1};
    _cleanup_(bytes_done) Bytes file = {0};
    char path[PATH_MAX];
    int r = fleet_admin_path(fleet, ".json", reason, path);

    if (r == 0)
        r = fleet_admin_read(context, path, LIMIT_CONFIG_BYTES, reason, &file);
    if (r == 0)
        r = reason_prefix(reason, parse(bytes_view(&file), reason, &admin), "%s: ", path);
    if (r == OUTCOME_NOT_FOUND)
        r = 0;
    if (r == 0)
        *ret = TAKE(admin);
    return r;
}

MasterProgram fleet_admin_program(const FleetAdmin *admin, const Options *options)
{
    return (MasterProgram){
        .identity = options->identity ? options->identity : admin->identity,
        .open = options->identity ? NULL : (const char *const *)admin->open,
        .encrypt = (const char *const *)admin->encrypt,
    };
}

size_t fleet_signers_count(const AllowedSigners *signers)
{
    size_t count = 0;

    for (size_t i = 0; i < signers->count; i++) {
        bool new = signers->signers[i].for_fleets;

        for (size_t j = 0; new &&j < i; j++)
            new = !signers->signers[j].for_fleets ||
                  strcmp(signers->signers[j].principal, signers->signers[i].principal) != 0;
        count += new;
    }
    return count;
}

int fleet_signers_parse(BytesView file, const char *name, size_t threshold, Reason *reason,
                        AllowedSigners *ret)
{
    _cleanup_(allowed_signers_done) AllowedSigners signers = {0};
    size_t count;
    int r = allowed_signers_parse(file, reason, &signers);

    if (r != 0)
        return reason_prefix(reason, r, "%s: ", name);
    count = fleet_signers_count(&signers);
    if (threshold > count || 2 * threshold <= count)
        return reason_set(reason, OUTCOME_BAD_SIGNERS,
                          "%s has %zu signer%s, of whom %zu must sign. It has to be more than half "
                          "of them, or two halves could sign different statements",
                          name, count, plural(count), threshold);
    *ret = TAKE(signers);
    return 0;
}

int fleet_admin_signers_path(const FleetAdmin *admin, const char *fleet, Reason *reason,
                             char path[PATH_MAX])
{
    int r = fleet_admin_path(fleet, ".signers", reason, path);

    if (r == 0 && admin->signers)
        snprintf(path, PATH_MAX, "%s", admin->signers);
    return r;
}

int fleet_admin_signers(const FleetAdmin *admin, const char *fleet, Reason *reason,
                        AllowedSigners *ret)
{
    _cleanup_(bytes_done) Bytes file = {0};
    char path[PATH_MAX];
    int r = fleet_admin_signers_path(admin, fleet, reason, path);

    if (r == 0)
        r = file_read(path, LIMIT_SIGNERS_BYTES, reason, &file);
    if (r == -ENOENT)
        return reason_set(reason, OUTCOME_USAGE,
                          "there is no file of allowed signers, %s. It says who may sign for the "
                          "fleet, in the format of ssh-keygen(1)",
                          path);
    if (r != 0)
        return r == OUTCOME_TOO_LARGE ? OUTCOME_BAD_SIGNERS : r;
    return fleet_signers_parse(bytes_view(&file), path, admin->threshold, reason, ret);
}

int fleet_admin_check_new(const char *fleet, Reason *reason)
{
    static const char *const suffixes[] = {".json", ".signers"};

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char path[PATH_MAX];
        int r = fleet_admin_path(fleet, suffixes[i], reason, path);

        if (r == 0 && access(path, F_OK) == 0)
            r = reason_set(reason, OUTCOME_USAGE,
                           "you have a configuration of a fleet %s already, %s. Choose another "
                           "name, or remove it",
                           fleet, path);
        if (r != 0)
            return r;
    }
    return 0;
}

/* Writes FLEET's file with SUFFIX, unless it is there. */
static int create(const char *fleet, const char *suffix, BytesView content, Reason *reason)
{
    char path[PATH_MAX];
    int r = fleet_admin_path(fleet, suffix, reason, path);

    if (r == 0)
        r = own_file_make_parents(path, reason);
    return r == 0 ? file_write(path, content, 0600, false, reason) : r;
}

int fleet_admin_create(const char *fleet, BytesView signers, size_t threshold, const char *identity,
                       Reason *reason)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(freep) char *absolute = identity ? realpath(identity, NULL) : NULL;
    _cleanup_(bytes_done) Bytes text = {0};
    int r;

    if (identity && !absolute)
        return reason_set(reason, -errno, "cannot find %s", identity);
    if (threshold > 0)
        json_add_number(object, "threshold", threshold);
    json_add_text(object, "identity", absolute);
    r = json_print(object, &text);
    if (r == 0 && signers.size > 0)
        r = create(fleet, ".signers", signers, reason);
    return r == 0 ? create(fleet, ".json", bytes_view(&text), reason) : r;
}
