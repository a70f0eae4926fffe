/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/host_config.h"

#include "base/fsutil.h"
#include "base/names.h"
#include "base/trusted_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPACE         " \t\r"

/* As in tpm/counter.h, which is of a layer that the generator does not link. */
#define COUNTER_FIRST 0x01800000UL
#define COUNTER_LAST  0x01bfffffUL

static const char *const search_path[] = {
    HOST_CONFIG_PATH,
    "/run/nspawn-creds/nspawn-creds.conf",
    "/usr/lib/nspawn-creds/nspawn-creds.conf",
};

void host_config_default(HostConfig *ret)
{
    *ret = (HostConfig){
        .store = STORE_DEFAULT_PATH, .history = HISTORY_DEFAULT, .tpm_device = TPM_DEFAULT_DEVICE};
    unit_templates_default(&ret->templates);
}

/* --- keys --- */

#define KEYS                                                                                       \
    "the keys are Path= and History= in [Store], Device= in [TPM], UnitTemplate= in [Machines], "  \
    "and "                                                                                         \
    "OnRollback= and Counter= in [Rollback]"

/* Values become lines of a unit (nspawn-creds-generator(8)), where other characters would need
 * quotes of several kinds. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~' || strchr("\"'\\", *text))
            return false;
    return true;
}

static bool is_plain_path(const char *path)
{
    return path_canonical(path) && is_plain(path) && !strchr(path, ':');
}

static int set_text(const char *text, Reason *reason, char ret[LIMIT_CONFIG_VALUE_BYTES])
{
    if (strlen(text) >= LIMIT_CONFIG_VALUE_BYTES)
        return reason_set(reason, OUTCOME_BAD_CONFIG, "the value has more than %zu characters",
                          LIMIT_CONFIG_VALUE_BYTES - 1);
    strcpy(ret, text);
    return 0;
}

static int set_store(HostConfig *config, char *text, Reason *reason)
{
    const char *path = *text ? text : STORE_DEFAULT_PATH;

    if (!is_plain_path(path))
        return reason_set(
            reason, OUTCOME_BAD_CONFIG,
            "\"%.80s\" is not an absolute path without \".\", \"..\", \"//\", a final slash, "
            "spaces, colons or quotes",
            path);
    return set_text(path, reason, config->store);
}

static int set_history(HostConfig *config, char *text, Reason *reason)
{
    if (!*text)
        config->history = HISTORY_DEFAULT;
    else if (text[1] == '\0' && text[0] >= '0' && text[0] <= '0' + (char)LIMIT_HISTORY)
        config->history = (unsigned)(text[0] - '0');
    else
        return reason_set(reason, OUTCOME_BAD_CONFIG, "\"%.80s\" is not a number from 0 to %u",
                          text, LIMIT_HISTORY);
    return 0;
}

static int set_tpm_device(HostConfig *config, char *text, Reason *reason)
{
    const char *name = *text ? text : TPM_DEFAULT_DEVICE, *path;
    TpmDevice device;
    int r = tpm_device_parse(name, reason, &device);

    if (r != 0)
        return r;
    path = tpm_device_path(&device);
    /* the service manager lets a unit use devices of this folder alone */
    if (path && (!is_plain_path(path) || strncmp(path, "/dev/", strlen("/dev/")) != 0))
        return reason_set(reason, OUTCOME_BAD_CONFIG, "\"%.80s\" is not a device below /dev", path);
    if (!is_plain(name))
        return reason_set(reason, OUTCOME_BAD_CONFIG,
                          "\"%.80s\" has spaces, quotes or control characters", name);
    return set_text(path ? path : name, reason, config->tpm_device);
}

/* An empty assignment clears the list; host_config_parse() fills an empty list with the defaults.
 */
static int set_templates(HostConfig *config, char *text, Reason *reason)
{
    int r = 0;

    if (!*text)
        config->templates = (UnitTemplates){0};
    for (const char *word; r == 0 && (word = strsep(&text, SPACE));)
        if (*word)
            r = unit_templates_add(&config->templates, word, reason);
    return r;
}

static int set_on_rollback(HostConfig *config, char *text, Reason *reason)
{
    config->rollback_refuse = strcmp(text, "refuse") == 0;
    return !*text || config->rollback_refuse || strcmp(text, "deliver") == 0
               ? 0
               : reason_set(reason, OUTCOME_BAD_CONFIG,
                            "\"%.80s\" is neither \"deliver\" nor \"refuse\"", text);
}

static int set_counter(HostConfig *config, char *text, Reason *reason)
{
    char *end = text;
    unsigned long index = strtoul(text, &end, 16);

    config->rollback_counter = 0;
    if (!*text)
        return 0;
    if (strncmp(text, "0x", 2) != 0 || *end || index < COUNTER_FIRST || index > COUNTER_LAST)
        return reason_set(reason, OUTCOME_BAD_CONFIG,
                          "\"%.80s\" is not an NV index from 0x%lx to 0x%lx", text, COUNTER_FIRST,
                          COUNTER_LAST);
    config->rollback_counter = (uint32_t)index;
    return 0;
}

/* .set gets the value; empty is the default. */
static const struct {
    const char *section, *key;
    int (*set)(HostConfig *config, char *text, Reason *reason);
} keys[] = {
    {"Store", "Path", set_store},
    {"Store", "History", set_history},
    {"TPM", "Device", set_tpm_device},
    {"Machines", "UnitTemplate", set_templates},
    {"Rollback", "OnRollback", set_on_rollback},
    {"Rollback", "Counter", set_counter},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* --- lines --- */

static char *trim(char *text)
{
    size_t length;

    text += strspn(text, SPACE);
    length = strlen(text);
    while (length > 0 && strchr(SPACE, text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* SECTION is of the table of keys; NULL before the first one. */
static int parse_section(char *line, Reason *reason, const char **section)
{
    size_t length = strlen(line);

    if (line[length - 1] != ']')
        return reason_set(reason, OUTCOME_BAD_CONFIG, "\"%.80s\" has no closing bracket", line);
    line[length - 1] = '\0';
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].section, line + 1) == 0) {
            *section = keys[i].section;
            return 0;
        }
    return reason_set(reason, OUTCOME_BAD_CONFIG, "unknown section \"%.80s\"; " KEYS, line + 1);
}

static int parse_line(char *line, Reason *reason, const char **section, HostConfig *config)
{
    char *equals = strchr(line, '='), *key;

    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return 0;
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\t')
            return reason_set(reason, OUTCOME_BAD_CONFIG, "there is a control character");
    if (line[strlen(line) - 1] == '\\')
        return reason_set(reason, OUTCOME_BAD_CONFIG,
                          "a line cannot be continued; repeat the key instead");
    if (line[0] == '[')
        return parse_section(line, reason, section);
    if (!equals || equals == line)
        return reason_set(reason, OUTCOME_BAD_CONFIG,
                          "\"%.80s\" is neither Key=value nor [Section]", line);
    if (!*section)
        return reason_set(reason, OUTCOME_BAD_CONFIG, "\"%.80s\" comes before the first [Section]",
                          line);
    *equals = '\0';
    key = trim(line);
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].section, *section) == 0 && strcmp(keys[i].key, key) == 0)
            return keys[i].set(config, trim(equals + 1), reason);
    return reason_set(reason, OUTCOME_BAD_CONFIG, "unknown key \"%.80s\" in [%s]; " KEYS, key,
                      *section);
}

int host_config_parse(const char *path, BytesView text, Reason *reason, HostConfig *ret)
{
    _cleanup_(freep) char *copy = calloc(1, text.size + 1);
    char *rest = copy;
    const char *section = NULL;
    HostConfig config;
    unsigned number = 0;

    if (!copy)
        return -ENOMEM;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    if (strlen(copy) != text.size)
        return reason_set(reason, OUTCOME_BAD_CONFIG, "%s has a NUL byte", path);
    host_config_default(&config);
    config.templates = (UnitTemplates){0};
    config.path = path;
    for (char *line; (line = strsep(&rest, "\n"));) {
        number++;
        if (parse_line(trim(line), reason, &section, &config) != 0)
            return reason_prefix(reason, OUTCOME_BAD_CONFIG, "%s:%u: ", path, number);
    }
    if (config.templates.count == 0)
        unit_templates_default(&config.templates);
    *ret = config;
    return 0;
}

/* --- the file --- */

static int load_file(const Context *context, const char *path, Reason *reason, HostConfig *ret)
{
    _cleanup_(closep) int fd = -1;
    _cleanup_(bytes_done) Bytes text = {0};
    int r = trusted_file_open(context, path, reason, &fd);

    if (r == OUTCOME_NOT_FOUND)
        return r;
    if (r == 0)
        r = file_read_fd(fd, path, LIMIT_CONFIG_BYTES, reason, &text);
    if (r == 0)
        r = host_config_parse(path, bytes_view(&text), reason, ret);
    return r > 0 ? OUTCOME_BAD_CONFIG : r;
}

int host_config_load(const Context *context, Reason *reason, HostConfig *ret)
{
    for (size_t i = 0; i < sizeof(search_path) / sizeof(search_path[0]); i++) {
        int r = load_file(context, search_path[i], reason, ret);

        if (r != OUTCOME_NOT_FOUND)
            return r;
    }
    host_config_default(ret);
    return 0;
}
