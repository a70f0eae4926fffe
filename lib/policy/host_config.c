/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/host_config.h"

#include "base/fsutil.h"
#include "base/names.h"
#include "base/trusted_file.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define SPACE " \t\r"

static const char *const search_path[] = {
    HOST_CONFIG_PATH,
    "/run/nspawn-creds/nspawn-creds.conf",
    "/usr/lib/nspawn-creds/nspawn-creds.conf",
};

void host_config_default(HostConfig *ret)
{
    *ret = (HostConfig){.store = STORE_DEFAULT_PATH, .tpm_device = TPM_DEFAULT_DEVICE};
    unit_templates_default(&ret->templates);
}

/* --- keys --- */

#define KEYS "the keys are Path= in [Store], Device= in [TPM] and UnitTemplate= in [Machines]"

typedef struct Parser {
    const char *path;
    unsigned line;
    const char *section; /* of the table of keys; NULL before the first one */
    Reason *reason;
    HostConfig config;
} Parser;

__attribute__((format(printf, 2, 3))) static int bad(const Parser *parser, const char *format, ...)
{
    char words[sizeof(Reason)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    return reason_set(parser->reason, OUTCOME_BAD_CONFIG, "%s:%u: %s", parser->path, parser->line,
                      words);
}

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

static int set_text(const Parser *parser, const char *text, char ret[LIMIT_CONFIG_VALUE_BYTES])
{
    if (strlen(text) >= LIMIT_CONFIG_VALUE_BYTES)
        return bad(parser, "the value has more than %zu characters", LIMIT_CONFIG_VALUE_BYTES - 1);
    strcpy(ret, text);
    return 0;
}

static int set_store(Parser *parser, char *text)
{
    const char *path = *text ? text : STORE_DEFAULT_PATH;

    if (!is_plain_path(path))
        return bad(
            parser,
            "\"%.80s\" is not an absolute path without \".\", \"..\", \"//\", a final slash, "
            "spaces, colons or quotes",
            path);
    return set_text(parser, path, parser->config.store);
}

static int set_tpm_device(Parser *parser, char *text)
{
    const char *name = *text ? text : TPM_DEFAULT_DEVICE, *path;
    TpmDevice device;
    Reason reason = {0};

    if (tpm_device_parse(name, &reason, &device) != 0)
        return bad(parser, "%.160s", reason.text);
    path = tpm_device_path(&device);
    /* the service manager lets a unit use devices of this folder alone */
    if (path && (!is_plain_path(path) || strncmp(path, "/dev/", strlen("/dev/")) != 0))
        return bad(parser, "\"%.80s\" is not a device below /dev", path);
    if (!is_plain(name))
        return bad(parser, "\"%.80s\" has spaces, quotes or control characters", name);
    return set_text(parser, path ? path : name, parser->config.tpm_device);
}

/* An empty assignment clears the list; host_config_parse() fills an empty list with the defaults.
 */
static int set_templates(Parser *parser, char *text)
{
    Reason reason = {0};

    if (!*text)
        parser->config.templates = (UnitTemplates){0};
    for (const char *word; (word = strsep(&text, SPACE));)
        if (*word && unit_templates_add(&parser->config.templates, word, &reason) != 0)
            return bad(parser, "%.160s", reason.text);
    return 0;
}

/* .set gets the value; empty is the default. */
static const struct {
    const char *section, *key;
    int (*set)(Parser *parser, char *text);
} keys[] = {
    {"Store", "Path", set_store},
    {"TPM", "Device", set_tpm_device},
    {"Machines", "UnitTemplate", set_templates},
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

static int parse_section(Parser *parser, char *line)
{
    size_t length = strlen(line);

    if (line[length - 1] != ']')
        return bad(parser, "\"%.80s\" has no closing bracket", line);
    line[length - 1] = '\0';
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].section, line + 1) == 0) {
            parser->section = keys[i].section;
            return 0;
        }
    return bad(parser, "unknown section \"%.80s\"; " KEYS, line + 1);
}

static int parse_line(Parser *parser, char *line)
{
    char *equals = strchr(line, '='), *key;

    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return 0;
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\t')
            return bad(parser, "there is a control character");
    if (line[strlen(line) - 1] == '\\')
        return bad(parser, "a line cannot be continued; repeat the key instead");
    if (line[0] == '[')
        return parse_section(parser, line);
    if (!equals || equals == line)
        return bad(parser, "\"%.80s\" is neither Key=value nor [Section]", line);
    if (!parser->section)
        return bad(parser, "\"%.80s\" comes before the first [Section]", line);
    *equals = '\0';
    key = trim(line);
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (strcmp(keys[i].section, parser->section) == 0 && strcmp(keys[i].key, key) == 0)
            return keys[i].set(parser, trim(equals + 1));
    return bad(parser, "unknown key \"%.80s\" in [%s]; " KEYS, key, parser->section);
}

int host_config_parse(const char *path, BytesView text, Reason *reason, HostConfig *ret)
{
    _cleanup_(freep) char *copy = calloc(1, text.size + 1);
    Parser parser = {.path = path, .reason = reason};
    char *rest = copy;
    int r = 0;

    if (!copy)
        return -ENOMEM;
    if (text.size > 0)
        memcpy(copy, text.data, text.size);
    if (strlen(copy) != text.size)
        return reason_set(reason, OUTCOME_BAD_CONFIG, "%s has a NUL byte", path);
    host_config_default(&parser.config);
    parser.config.templates = (UnitTemplates){0};
    parser.config.path = path;
    for (char *line; r == 0 && (line = strsep(&rest, "\n"));) {
        parser.line++;
        r = parse_line(&parser, trim(line));
    }
    if (r != 0)
        return r;
    if (parser.config.templates.count == 0)
        unit_templates_default(&parser.config.templates);
    *ret = parser.config;
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
