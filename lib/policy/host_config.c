/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The host's configuration. See host_config.h.
 */

#include "policy/host_config.h"

#include "base/fsutil.h"
#include "base/names.h"
#include "base/trusted_file.h"

#include <stdarg.h>
#include <string.h>

#define SPACE " \t\r"

static const char *const places[] = {
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

/* Where in the file the parser is. */
typedef struct Position {
    const char *path;
    unsigned line;
    Reason *reason;
} Position;

static int bad(const Position *position, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static int bad(const Position *position, const char *format, ...)
{
    char words[sizeof(position->reason->text)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    return reason_set(position->reason, OUTCOME_BAD_CONFIG, "%s:%u: %s", position->path,
                      position->line, words);
}

/* Sets one key to TEXT; empty is the default. */
typedef int (*SetKey)(const Position *position, const char *text, HostConfig *config);

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

static int set_text(const Position *position, const char *text, char ret[LIMIT_CONFIG_VALUE_BYTES])
{
    if (strlen(text) >= LIMIT_CONFIG_VALUE_BYTES)
        return bad(position, "the value has more than %zu characters",
                   LIMIT_CONFIG_VALUE_BYTES - 1);
    strcpy(ret, text);
    return 0;
}

static int set_store(const Position *position, const char *text, HostConfig *config)
{
    if (!*text)
        text = STORE_DEFAULT_PATH;
    if (!is_plain_path(text))
        return bad(
            position,
            "\"%.80s\" is not an absolute path without \".\", \"..\", \"//\", a final slash, "
            "spaces, colons or quotes",
            text);
    return set_text(position, text, config->store);
}

static int set_tpm_device(const Position *position, const char *text, HostConfig *config)
{
    TpmDevice device;
    Reason reason = {0};
    const char *path;

    if (!*text)
        text = TPM_DEFAULT_DEVICE;
    if (tpm_device_parse(text, &reason, &device) != 0)
        return bad(position, "%.160s", reason.text);
    path = tpm_device_path(&device);
    /* the service manager lets a unit use devices of this folder alone */
    if (path && (!is_plain_path(path) || strncmp(path, "/dev/", strlen("/dev/")) != 0))
        return bad(position, "\"%.80s\" is not a device below /dev", path);
    if (!is_plain(text))
        return bad(position, "\"%.80s\" has spaces, quotes or control characters", text);
    return set_text(position, path ? path : text, config->tpm_device);
}

/* A list begins anew with what is empty; host_config_parse() puts the defaults into an empty one.
 */
static int set_templates(const Position *position, const char *text, HostConfig *config)
{
    char word[LIMIT_CONFIG_VALUE_BYTES];
    Reason reason = {0};

    if (!*text)
        config->templates = (UnitTemplates){0};
    for (text += strspn(text, SPACE); *text; text += strspn(text, SPACE)) {
        size_t length = strcspn(text, SPACE);

        snprintf(word, sizeof(word), "%.*s", (int)length, text);
        if (unit_templates_add(&config->templates, word, &reason) != 0)
            return bad(position, "%.160s", reason.text);
        text += length;
    }
    return 0;
}

/* The keys of a section stand together. */
static const struct {
    const char *section, *key;
    SetKey set;
} keys[] = {
    {"Store", "Path", set_store},
    {"TPM", "Device", set_tpm_device},
    {"Machines", "UnitTemplate", set_templates},
};

#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

/* --- lines --- */

typedef struct Parser {
    Position position;
    const char *section; /* of the table; NULL before the first one */
    HostConfig config;
} Parser;

/* What an error names as possible: "BEFORE NAME AFTER, ...". */
static void add_choice(char *choices, size_t size, const char *before, const char *name,
                       const char *after)
{
    size_t used = strlen(choices);

    snprintf(choices + used, size - used, "%s%s%s%s", used > 0 ? ", " : "", before, name, after);
}

static int parse_section(Parser *parser, char *line)
{
    char choices[128] = "";
    size_t length = strlen(line);

    if (line[length - 1] != ']')
        return bad(&parser->position, "\"%.80s\" has no closing bracket", line);
    line[length - 1] = '\0';
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (strcmp(keys[i].section, line + 1) == 0) {
            parser->section = keys[i].section;
            return 0;
        }
        if (i == 0 || strcmp(keys[i - 1].section, keys[i].section) != 0)
            add_choice(choices, sizeof(choices), "[", keys[i].section, "]");
    }
    return bad(&parser->position, "unknown section \"%.80s\"; there are %s", line + 1, choices);
}

static int assign(Parser *parser, const char *key, const char *value)
{
    const char *elsewhere = NULL; /* a section that has such a key */
    char choices[128] = "";

    for (size_t i = 0; i < KEY_COUNT; i++) {
        bool here = strcmp(keys[i].section, parser->section) == 0;
        bool same = strcmp(keys[i].key, key) == 0;

        if (here && same)
            return keys[i].set(&parser->position, value, &parser->config);
        if (here)
            add_choice(choices, sizeof(choices), "", keys[i].key, "=");
        else if (same)
            elsewhere = keys[i].section;
    }
    if (elsewhere)
        return bad(&parser->position, "\"%.80s\" is not a key of [%s], but of [%s]", key,
                   parser->section, elsewhere);
    return bad(&parser->position, "unknown key \"%.80s\" in [%s]; did you mean %s?", key,
               parser->section, choices);
}

/* LINE has neither a newline nor space at its ends. */
static int parse_line(Parser *parser, char *line)
{
    char *equals = strchr(line, '=');
    size_t length = strlen(line);

    if (length == 0 || line[0] == '#' || line[0] == ';')
        return 0;
    for (const char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' && *c != '\t')
            return bad(&parser->position, "there is a control character");
    if (line[length - 1] == '\\')
        return bad(&parser->position, "a line cannot be continued; repeat the key instead");
    if (line[0] == '[')
        return parse_section(parser, line);
    if (!equals || equals == line)
        return bad(&parser->position, "\"%.80s\" is neither Key=value nor [Section]", line);
    if (!parser->section)
        return bad(&parser->position, "\"%.80s\" comes before the first [Section]", line);
    *equals = '\0';
    for (char *end = equals; end > line && strchr(SPACE, end[-1]); end--)
        end[-1] = '\0';
    return assign(parser, line, equals + 1 + strspn(equals + 1, SPACE));
}

/* Copies the next line of REST without the space around it. False if it is longer than any that
 * makes sense. */
static bool take_line(BytesView *rest, char *line, size_t size)
{
    const uint8_t *newline = memchr(rest->data, '\n', rest->size);
    size_t length = newline ? (size_t)(newline - rest->data) : rest->size;
    size_t used = length;
    size_t begin;

    if (length >= size)
        return false;
    memcpy(line, rest->data, used);
    line[used] = '\0';
    while (used > 0 && strchr(SPACE, line[used - 1]))
        line[--used] = '\0';
    begin = strspn(line, SPACE);
    memmove(line, line + begin, used - begin + 1);
    length += newline ? 1 : 0;
    *rest = (BytesView){rest->data + length, rest->size - length};
    return true;
}

int host_config_parse(const char *path, BytesView text, Reason *reason, HostConfig *ret)
{
    Parser parser = {.position = {path, 0, reason}};
    char line[2 * LIMIT_CONFIG_VALUE_BYTES];
    int r = 0;

    host_config_default(&parser.config);
    parser.config.templates = (UnitTemplates){0};
    parser.config.path = path;
    if (text.size > 0 && memchr(text.data, '\0', text.size))
        return reason_set(reason, OUTCOME_BAD_CONFIG, "%s has a NUL byte", path);
    while (r == 0 && text.size > 0) {
        parser.position.line++;
        r = take_line(&text, line, sizeof(line))
                ? parse_line(&parser, line)
                : bad(&parser.position, "the line has %zu characters or more", sizeof(line));
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
    Reason why = {0};
    int r = trusted_file_open(context, path, &why, &fd);

    if (r == OUTCOME_NOT_FOUND)
        return r;
    if (r == 0)
        r = file_read_fd(fd, path, LIMIT_CONFIG_BYTES, &why, &text);
    if (r == 0)
        return host_config_parse(path, bytes_view(&text), reason, ret);
    reason_set(reason, OUTCOME_BAD_CONFIG, "%s", why.text);
    return r < 0 ? r : OUTCOME_BAD_CONFIG;
}

int host_config_load(const Context *context, Reason *reason, HostConfig *ret)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int r = load_file(context, places[i], reason, ret);

        if (r != OUTCOME_NOT_FOUND)
            return r;
    }
    host_config_default(ret);
    return 0;
}
