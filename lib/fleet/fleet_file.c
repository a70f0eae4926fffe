/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The objects of the format are tables of members, as those of policies. The parser tracks the path
 * of the current value, to find the position of a mistake.
 */

#include "fleet/fleet_file.h"

#include "base/array.h"
#include "base/nearest.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define VERSION   1
/* Nesting: the file, the secrets, one of them, its hosts, one of these. */
#define DEPTH     5
/* Platform configuration registers of a TPM. */
#define PCR_COUNT 24

typedef struct Parser {
    BytesView text;
    Reason *reason;
    FleetFile *file;
    size_t path[DEPTH]; /* to the current member, see json_position() */
    size_t levels;
} Parser;

void fleet_secret_done(FleetSecret *secret)
{
    free(secret->name);
    strings_free(secret->hosts);
    *secret = (FleetSecret){0};
}

void fleet_file_done(FleetFile *file)
{
    for (size_t i = 0; i < file->group_count; i++) {
        free(file->groups[i].name);
        strings_free(file->groups[i].hosts);
    }
    for (size_t i = 0; i < file->secret_count; i++)
        fleet_secret_done(&file->secrets[i]);
    free(file->groups);
    free(file->secrets);
    *file = (FleetFile){0};
}

/* --- names --- */

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

bool fleet_secret_name_valid(const char *name)
{
    return name[0] != '\0' && strlen(name) <= LIMIT_FLEET_SECRET_BYTES &&
           name_made_of(name, "-_.") && !strchr("-.", name[0]);
}

bool fleet_pattern_is(const char *pattern)
{
    return strpbrk(pattern, "*?") != NULL;
}

static bool pattern_valid(const char *pattern)
{
    size_t length = strlen(pattern);

    if (!fleet_pattern_is(pattern))
        return fleet_host_name_valid(pattern);
    return length <= LIMIT_FLEET_HOST_BYTES && strspn(pattern, HOST_CHARACTERS "*?") == length;
}

/* Not fnmatch(3), which gives other characters a meaning and takes exponential time. */
bool fleet_pattern_matches(const char *pattern, const char *host)
{
    const char *star = NULL, *resume = host;

    while (*host) {
        if (*pattern == '*') {
            star = pattern++;
            resume = host;
        } else if (*pattern == '?' || *pattern == *host) {
            pattern++;
            host++;
        } else if (star) { /* the last star takes one character more */
            pattern = star + 1;
            host = ++resume;
        } else
            return false;
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

/* --- finding --- */

static int compare_groups(const void *a, const void *b)
{
    return strcmp(((const FleetGroup *)a)->name, ((const FleetGroup *)b)->name);
}

static int compare_secrets(const void *a, const void *b)
{
    return strcmp(((const FleetSecret *)a)->name, ((const FleetSecret *)b)->name);
}

FleetGroup *fleet_file_group(const FleetFile *file, const char *name)
{
    FleetGroup wanted = {.name = (char *)name};

    return ARRAY_FIND(&wanted, file->groups, file->group_count, compare_groups);
}

FleetSecret *fleet_file_secret(const FleetFile *file, const char *name)
{
    FleetSecret wanted = {.name = (char *)name};

    return ARRAY_FIND(&wanted, file->secrets, file->secret_count, compare_secrets);
}

/* --- parsing --- */

__attribute__((format(printf, 2, 3))) static int fail(Parser *parser, const char *format, ...)
{
    JsonPosition position = json_position(parser->text, parser->path, parser->levels);
    char what[sizeof(Reason)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    return reason_set(parser->reason, OUTCOME_BAD_REPOSITORY, "%zu:%zu: %s", position.line,
                      position.column, what);
}

typedef struct Member {
    const char *name; /* "" for any name */
    int (*parse)(Parser *parser, const char *name, struct json_object *value, void *into);
    bool required;
} Member;

static int fail_unknown(Parser *parser, const Member *members, const char *name)
{
    Nearest nearest = {.wanted = name};

    for (; members->name; members++)
        nearest_offer(&nearest, members->name);
    for (const char *c = name; *c; c++)
        if (*c <= ' ' || *c > '~')
            return fail(parser, "unknown member");
    return nearest.name[0]
               ? fail(parser, "unknown member \"%.40s\"; did you mean \"%s\"?", name, nearest.name)
               : fail(parser, "unknown member \"%.40s\"", name);
}

/* Parses the object VALUE, all of whose members must be in MEMBERS. */
static int parse_members(Parser *parser, struct json_object *value, const Member *members,
                         const char *what, void *into)
{
    if (!json_object_is_type(value, json_type_object))
        return fail(parser, "%s must be an object, {…}", what);
    for (const Member *member = members; member->name; member++)
        if (member->required && !json_object_object_get_ex(value, member->name, NULL))
            return fail(parser, "%s has no member \"%s\"", what, member->name);
    parser->path[parser->levels++] = 0;
    json_object_object_foreach(value, name, member_value)
    {
        const Member *member = members;
        int r;

        while (member->name && member->name[0] && strcmp(member->name, name) != 0)
            member++;
        r = member->name ? member->parse(parser, name, member_value, into)
                         : fail_unknown(parser, members, name);
        if (r != 0)
            return r;
        parser->path[parser->levels - 1]++;
    }
    parser->levels--;
    return 0;
}

/* Parses the list VALUE of names and patterns, and of groups if they are ALLOWED. */
static int parse_hosts_list(Parser *parser, struct json_object *value, bool groups, char ***ret)
{
    _cleanup_(strings_freep) char **hosts = NULL;
    size_t count = 0, length = json_length(value);

    if (length == 0)
        return fail(parser, "the hosts must be a list with at least one name, […]");
    parser->levels++;
    while (count < length) {
        const char *text = json_text(json_object_array_get_idx(value, count));

        parser->path[parser->levels - 1] = count;
        if (!text || (text[0] == '@' && !groups) ||
            (text[0] == '@' ? !fleet_host_name_valid(text + 1) : !pattern_valid(text)))
            return fail(parser,
                        groups
                            ? "\"%.40s\": a host must be a name of a-z, 0-9 and \"-\" with a "
                              "letter or digit at both ends, a pattern with \"*\" or \"?\", or "
                              "\"@GROUP\""
                            : "\"%.40s\": a host of a group must be a name of a-z, 0-9 and \"-\" "
                              "with a letter or digit at both ends, or a pattern with \"*\" or "
                              "\"?\"",
                        text ? text : "");
        if (!strings_add(&hosts, &count, text))
            return -ENOMEM;
    }
    parser->levels--;
    *ret = TAKE_PTR(hosts);
    return 0;
}

static int parse_hosts(Parser *parser, const char *, struct json_object *value, void *into)
{
    return parse_hosts_list(parser, value, true, &((FleetSecret *)into)->hosts);
}

static int parse_credential(Parser *parser, const char *, struct json_object *value, void *into)
{
    FleetSecret *secret = into;
    const char *text = json_text(value);
    Reason reason = {0};

    if (!text)
        return fail(parser, "\"credential\" must have the form MACHINE@ID, such as "
                            "\"web@db-password\"");
    if (credential_name_parse(text, &reason, &secret->credential) != 0)
        return fail(parser, "\"credential\": %s", reason.text);
    return 0;
}

static int parse_generate(Parser *parser, const char *, struct json_object *value, void *into)
{
    FleetSecret *secret = into;
    const char *text = json_text(value);
    Reason reason = {0};

    if (!text)
        return fail(parser, "\"generate\" must be a recipe, such as \"password:32\"");
    if (recipe_parse(text, &reason, &secret->recipe) != 0)
        return fail(parser, "\"generate\": %s", reason.text);
    secret->generated = true;
    return 0;
}

static int parse_pcrs(Parser *parser, const char *name, struct json_object *value, void *into)
{
    FleetSecret *secret = into;
    uint64_t *mask = strcmp(name, "pcrs") == 0 ? &secret->pcrs : &secret->policy_pcrs;

    for (size_t i = 0; i < json_length(value); i++) {
        int64_t pcr;

        if (!json_number(json_object_array_get_idx(value, i), 0, PCR_COUNT - 1, &pcr) ||
            *mask & UINT64_C(1) << pcr)
            return fail(parser, "\"%s\" must be a list of different PCRs from 0 to 23", name);
        *mask |= UINT64_C(1) << pcr;
    }
    return *mask ? 0 : fail(parser, "\"%s\" must be a list of at least one PCR, such as [7]", name);
}

static int parse_pending(Parser *parser, const char *, struct json_object *value, void *into)
{
    if (!json_is_true(value))
        return fail(parser, "\"pending\" can only be true");
    ((FleetSecret *)into)->pending = true;
    return 0;
}

static int parse_secret(Parser *parser, const char *name, struct json_object *value, void *into)
{
    static const Member members[] = {{"credential", parse_credential, true},
                                     {"hosts", parse_hosts, true},
                                     {"generate", parse_generate, false},
                                     {"pcrs", parse_pcrs, false},
                                     {"pcrPolicy", parse_pcrs, false},
                                     {"pending", parse_pending, false},
                                     {0}};
    _cleanup_(fleet_secret_done) FleetSecret secret = {0};
    FleetFile *file = into;
    int r;

    if (!fleet_secret_name_valid(name))
        return fail(parser,
                    "the name of a secret consists of up to %zu letters, digits and "
                    "\"-_.\", and does not begin with \"-\" or \".\"",
                    LIMIT_FLEET_SECRET_BYTES);
    secret.name = strdup(name);
    r = secret.name ? parse_members(parser, value, members, "a secret", &secret) : -ENOMEM;
    if (r == 0 && !ARRAY_ADD(file->secrets, file->secret_count, TAKE(secret)))
        r = -ENOMEM;
    return r;
}

static int parse_group(Parser *parser, const char *name, struct json_object *value, void *into)
{
    FleetFile *file = into;
    FleetGroup group = {0};
    int r;

    if (!fleet_host_name_valid(name))
        return fail(parser,
                    "the name of a group consists of up to %zu of a-z, 0-9 and \"-\", with a "
                    "letter or digit at both ends",
                    LIMIT_FLEET_HOST_BYTES);
    r = parse_hosts_list(parser, value, false, &group.hosts);
    if (r == 0)
        group.name = strdup(name);
    if (group.name && ARRAY_ADD(file->groups, file->group_count, group))
        return 0;
    free(group.name);
    strings_free(group.hosts);
    return r == 0 ? -ENOMEM : r;
}

static int parse_groups(Parser *parser, const char *, struct json_object *value, void *into)
{
    static const Member members[] = {{"", parse_group, false}, {0}};

    return parse_members(parser, value, members, "\"groups\"", into);
}

static int parse_secrets(Parser *parser, const char *, struct json_object *value, void *into)
{
    static const Member members[] = {{"", parse_secret, false}, {0}};

    return parse_members(parser, value, members, "\"secrets\"", into);
}

static int parse_version(Parser *parser, const char *, struct json_object *value, void *)
{
    int64_t version;

    return json_number(value, VERSION, VERSION, &version)
               ? 0
               : fail(parser, "\"version\" must be %d; a newer one needs a newer nspawn-creds",
                      VERSION);
}

static int parse_fleet(Parser *parser, const char *, struct json_object *value, void *into)
{
    const char *text = json_text(value);

    if (!text || !fleet_name_valid(text))
        return fail(parser,
                    "\"fleet\" must be a name of up to %zu of a-z, 0-9 and \"-\", with a letter or "
                    "digit at both ends",
                    LIMIT_FLEET_NAME_BYTES);
    strcpy(((FleetFile *)into)->fleet, text);
    return 0;
}

static int parse_require_proof(Parser *parser, const char *, struct json_object *value, void *into)
{
    if (!json_is_true(value))
        return fail(parser, "\"requireProof\" can only be true");
    ((FleetFile *)into)->require_proof = true;
    return 0;
}

/* A group may stand behind its use. */
static int check_groups(const FleetFile *file, Reason *reason)
{
    for (size_t i = 0; i < file->secret_count; i++)
        for (char **host = file->secrets[i].hosts; *host; host++) {
            Nearest nearest = {.wanted = *host + 1};

            if (**host != '@' || fleet_file_group(file, *host + 1))
                continue;
            for (size_t j = 0; j < file->group_count; j++)
                nearest_offer(&nearest, file->groups[j].name);
            return reason_set(reason, OUTCOME_BAD_REPOSITORY,
                              "secret \"%.60s\": there is no group \"%.63s\"%s%s%s",
                              file->secrets[i].name, *host + 1,
                              nearest.name[0] ? "; did you mean \"" : "", nearest.name,
                              nearest.name[0] ? "\"?" : "");
        }
    return 0;
}

int fleet_file_parse(BytesView text, Reason *reason, FleetFile *ret)
{
    static const Member members[] = {{"version", parse_version, true},
                                     {"fleet", parse_fleet, true},
                                     {"requireProof", parse_require_proof, false},
                                     {"groups", parse_groups, false},
                                     {"secrets", parse_secrets, true},
                                     {0}};
    _cleanup_(fleet_file_done) FleetFile file = {0};
    _cleanup_(json_object_putp) struct json_object *object = NULL;
    Parser parser = {.text = text, .reason = reason, .file = &file};
    JsonPosition position = {0};
    Reason why = {0};
    int r;

    if (text.size > LIMIT_FLEET_FILE_BYTES)
        return reason_set(reason, OUTCOME_BAD_REPOSITORY, "it is larger than %zu bytes",
                          LIMIT_FLEET_FILE_BYTES);
    r = json_parse(text, DEPTH, &position, &why, &object);
    if (r != 0)
        return r < 0 ? r
                     : reason_set(reason, OUTCOME_BAD_REPOSITORY, "%zu:%zu: %s", position.line,
                                  position.column, why.text);
    r = parse_members(&parser, object, members, "the file", &file);
    if (r != 0)
        return r;
    ARRAY_SORT(file.groups, file.group_count, compare_groups);
    ARRAY_SORT(file.secrets, file.secret_count, compare_secrets);
    r = check_groups(&file, reason);
    if (r == 0)
        *ret = TAKE(file);
    return r;
}

int fleet_file_add_secret(FleetFile *file, FleetSecret *secret)
{
    if (!ARRAY_ADD(file->secrets, file->secret_count, TAKE(*secret)))
        return -ENOMEM;
    ARRAY_SORT(file->secrets, file->secret_count, compare_secrets);
    return 0;
}

/* --- formatting --- */

static void add_pcrs(struct json_object *object, const char *name, uint64_t mask)
{
    struct json_object *array = mask ? json_object_new_array() : NULL;

    for (int i = 0; i < PCR_COUNT; i++)
        if (mask & UINT64_C(1) << i)
            json_append(array, json_object_new_int(i));
    if (mask)
        json_add(object, name, array);
}

static struct json_object *secret_to_json(const FleetSecret *secret)
{
    struct json_object *object = json_object_new_object();
    char text[CREDENTIAL_NAME_TEXT_BYTES];

    credential_name_format(&secret->credential, text);
    json_add_text(object, "credential", text);
    json_add(object, "hosts", json_texts(secret->hosts));
    if (secret->generated) {
        snprintf(text, sizeof(text), recipe_types[secret->recipe.type].length > 0 ? "%s:%zu" : "%s",
                 recipe_types[secret->recipe.type].name, secret->recipe.length);
        json_add_text(object, "generate", text);
    }
    add_pcrs(object, "pcrs", secret->pcrs);
    add_pcrs(object, "pcrPolicy", secret->policy_pcrs);
    json_add_flag(object, "pending", secret->pending);
    return object;
}

int fleet_file_format(const FleetFile *file, Bytes *ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    struct json_object *groups = json_object_new_object(), *secrets = json_object_new_object();

    for (size_t i = 0; i < file->group_count; i++)
        json_add(groups, file->groups[i].name, json_texts(file->groups[i].hosts));
    for (size_t i = 0; i < file->secret_count; i++)
        json_add(secrets, file->secrets[i].name, secret_to_json(&file->secrets[i]));
    json_add_number(object, "version", VERSION);
    json_add_text(object, "fleet", file->fleet);
    json_add_flag(object, "requireProof", file->require_proof);
    json_add(object, "groups", groups);
    json_add(object, "secrets", secrets);
    return json_print_pretty(object, ret);
}
