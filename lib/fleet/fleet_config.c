/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/fleet_config.h"

#include "base/array.h"
#include "base/fsutil.h"
#include "base/names.h"
#include "base/timestamp.h"
#include "base/trusted_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define SUFFIX  ".json"
#define SIGNERS ".signers"

void fleet_config_done(FleetConfig *config)
{
    carrier_settings_done(&config->carrier);
    *config = (FleetConfig){0};
}

bool fleet_host_name_valid(const char *name)
{
    return fleet_label_valid(name, LIMIT_FLEET_HOST_BYTES);
}

/* --- members --- */

static int set_host(struct json_object *value, Reason *reason, FleetConfig *config)
{
    const char *host = json_text(value);

    if (!host || !fleet_host_name_valid(host))
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "\"host\" is not a name of 1 to 63 characters of a-z, 0-9 and \"-\", "
                          "with a letter or digit at both ends");
    strcpy(config->host, host);
    return 0;
}

static int set_threshold(struct json_object *value, Reason *reason, FleetConfig *config)
{
    int64_t threshold;

    if (!json_number(value, 1, (int64_t)LIMIT_FLEET_SIGNATURES, &threshold))
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "\"threshold\" is not a number from 1 to %zu", LIMIT_FLEET_SIGNATURES);
    config->threshold = (size_t)threshold;
    return 0;
}

static int set_max_age(struct json_object *value, Reason *reason, FleetConfig *config)
{
    const char *text = json_text(value);
    char length[32] = "+";

    if (text && strlen(text) < sizeof(length) - 1)
        strcpy(length + 1, text);
    if (timestamp_parse(length, 0, NULL, &config->max_age) != 0 || config->max_age == 0)
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "\"maxAge\" is not a length of time such as \"30d\"");
    return 0;
}

static int set_carrier(struct json_object *value, Reason *reason, FleetConfig *config)
{
    return carrier_settings_parse(value, reason, &config->carrier);
}

static int parse_members(struct json_object *object, Reason *reason, FleetConfig *config)
{
    static const struct {
        const char *name;
        int (*set)(struct json_object *value, Reason *reason, FleetConfig *config);
    } members[] = {
        {"host", set_host},
        {"threshold", set_threshold},
        {"maxAge", set_max_age},
        {"carrier", set_carrier},
    };

    json_object_object_foreach(object, name, value)
    {
        size_t i = 0;
        int r;

        while (i < sizeof(members) / sizeof(members[0]) && strcmp(members[i].name, name) != 0)
            i++;
        if (i == sizeof(members) / sizeof(members[0]))
            return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "unknown member \"%.80s\"", name);
        r = members[i].set(value, reason, config);
        if (r != 0)
            return r;
    }
    return config->host[0] ? 0
                           : reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "\"host\" is missing");
}

int fleet_config_parse(const char *name, BytesView text, Reason *reason, FleetConfig *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    _cleanup_(fleet_config_done) FleetConfig config = {.threshold = 1};
    int r;

    if (!fleet_name_valid(name))
        return reason_set(reason, OUTCOME_BAD_FLEET_CONFIG,
                          "\"%.80s\" is not the name of a fleet: 1 to %zu characters of a-z, 0-9 "
                          "and \"-\", with a letter or digit at both ends",
                          name, LIMIT_FLEET_NAME_BYTES);
    r = json_parse(text, LIMIT_JSON_DEPTH, NULL, reason, &object);
    if (r == 0 && !json_object_is_type(object, json_type_object))
        r = reason_set(reason, OUTCOME_BAD_FLEET_CONFIG, "it is not an object");
    if (r == 0)
        r = parse_members(object, reason, &config);
    if (r != 0)
        return reason_prefix(reason, r > 0 ? OUTCOME_BAD_FLEET_CONFIG : r,
                             FLEET_CONFIG_FOLDER "/%s" SUFFIX ": ", name);
    strcpy(config.name, name);
    *ret = TAKE(config);
    return 0;
}

/* --- files --- */

/* OUTCOME_NOT_FOUND; OUTCOME_FILE_UNSAFE; OUTCOME_TOO_LARGE. */
static int read_file(const Context *context, const char *name, const char *suffix, size_t limit,
                     Reason *reason, Bytes *ret)
{
    _cleanup_(closep) int fd = -1;
    char path[PATH_MAX];
    int r;

    if (!fleet_name_valid(name))
        return reason_set(reason, OUTCOME_NOT_FOUND, "\"%.80s\" is not the name of a fleet", name);
    snprintf(path, sizeof(path), FLEET_CONFIG_FOLDER "/%s%s", name, suffix);
    r = trusted_file_open(context, path, reason, &fd);
    if (r == OUTCOME_NOT_FOUND)
        return reason_set(reason, r, "%s does not exist", path);
    return r == 0 ? file_read_fd(fd, path, limit, reason, ret) : r;
}

int fleet_config_load(const Context *context, const char *name, Reason *reason, FleetConfig *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = read_file(context, name, SUFFIX, LIMIT_CONFIG_BYTES, reason, &text);

    if (r == 0)
        return fleet_config_parse(name, bytes_view(&text), reason, ret);
    return r > 0 && r != OUTCOME_NOT_FOUND ? OUTCOME_BAD_FLEET_CONFIG : r;
}

int fleet_config_signers(const Context *context, const char *name, Reason *reason,
                         AllowedSigners *ret)
{
    _cleanup_(bytes_done) Bytes text = {0};
    int r = read_file(context, name, SIGNERS, LIMIT_SIGNERS_BYTES, reason, &text);

    if (r != 0)
        return r > 0 ? OUTCOME_BAD_SIGNERS : r;
    return reason_prefix(reason, allowed_signers_parse(bytes_view(&text), reason, ret),
                         FLEET_CONFIG_FOLDER "/%s" SIGNERS ": ", name);
}

int fleet_names_list(const char *path, const char *suffix, Reason *reason, char ***ret)
{
    _cleanup_(strings_freep) char **names = calloc(1, sizeof(*names));
    _cleanup_(closedirp) DIR *folder = opendir(path);
    size_t count = 0;
    const char *entry;
    int r = 0;

    if (!folder && errno != ENOENT)
        return reason_set(reason, -errno, "cannot open %s", path);
    if (!names)
        return -ENOMEM;
    while (folder && r == 0 && (r = directory_next(folder, path, reason, &entry)) == 0 && entry) {
        char name[LIMIT_FLEET_NAME_BYTES + 1];
        size_t length = strlen(entry) - strlen(suffix);

        if (!has_suffix(entry, suffix) || length > LIMIT_FLEET_NAME_BYTES)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)length, entry);
        if (fleet_name_valid(name) && !strings_add(&names, &count, name))
            r = -ENOMEM;
    }
    if (r != 0)
        return r;
    strings_sort(names, count);
    *ret = TAKE_PTR(names);
    return 0;
}

int fleet_config_list(const Context *context, Reason *reason, char ***ret)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s" FLEET_CONFIG_FOLDER, context->root);
    return fleet_names_list(path, SUFFIX, reason, ret);
}
