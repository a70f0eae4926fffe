/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parser of policy files. See policy_file.h.
 *
 * The objects of the format are tables of members, each with a function that parses its value. The
 * parser tracks the path of the current value, to find the position of a mistake.
 */

#include "policy/policy_file.h"

#include "policy/template.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

/* Nesting: the file, the credentials, one of them, its services or recipe, one of those. */
#define DEPTH 5

typedef struct Parser {
    BytesView text;
    const char *name; /* of the file */
    Policy *policy;
    PolicyFault *fault;
    size_t path[DEPTH]; /* to the current member, see json_position() */
    size_t levels;
    const char *source; /* the member that set the source of the current credential, or NULL */
} Parser;

__attribute__((format(printf, 2, 3))) static int fail(Parser *parser, const char *format, ...)
{
    char what[sizeof(Reason)];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    return policy_fault_set(parser->fault, OUTCOME_BAD_POLICY, parser->name,
                            json_position(parser->text, parser->path, parser->levels), "%s", what);
}

/* A name from the file, truncated and made printable. */
typedef struct Shown {
    char text[41];
} Shown;

static Shown shown(const char *text)
{
    Shown result = {0};

    for (size_t i = 0; i + 1 < sizeof(result.text) && text[i]; i++)
        result.text[i] = text[i];
    for (char *c = result.text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return result;
}

/* --- tables of members --- */

typedef struct Member {
    const char *name;
    int (*parse)(Parser *parser, struct json_object *value, void *into);
} Member;

static const Member *find_member(const Member *members, const char *name)
{
    for (; members->name; members++)
        if (strcmp(members->name, name) == 0)
            return members;
    return NULL;
}

/* Returns the member that NAME may be a misspelling of: one that starts with the same letters; NULL
 * if there is none. */
static const char *guess_member(const Member *members, const char *name)
{
    size_t length = strnlen(name, 3);

    for (; length > 0 && members->name; members++)
        if (strncasecmp(members->name, name, length) == 0)
            return members->name;
    return NULL;
}

static int fail_unknown(Parser *parser, const Member *members, const char *name)
{
    const char *guess = guess_member(members, name);

    return guess ? fail(parser, "unknown member \"%s\"; did you mean \"%s\"?", shown(name).text,
                        guess)
                 : fail(parser, "unknown member \"%s\"", shown(name).text);
}

/* Parses the object VALUE, all of whose members must be in MEMBERS. */
static int parse_members(Parser *parser, struct json_object *value, const Member *members,
                         const char *what, void *into)
{
    int r = 0;

    if (!json_object_is_type(value, json_type_object))
        return fail(parser, "%s must be an object, {…}", what);
    parser->path[parser->levels++] = 0;
    json_object_object_foreach(value, name, member_value)
    {
        const Member *member = find_member(members, name);

        r = member ? member->parse(parser, member_value, into)
                   : fail_unknown(parser, members, name);
        if (r != 0)
            return r;
        parser->path[parser->levels - 1]++;
    }
    parser->levels--;
    return r;
}

typedef struct Word {
    const char *word;
    int value;
} Word;

static int parse_word(Parser *parser, struct json_object *value, const Word *words,
                      const char *expected, int *ret)
{
    const char *text = json_text(value);

    for (; text && words->word; words++)
        if (strcmp(words->word, text) == 0) {
            *ret = words->value;
            return 0;
        }
    return fail(parser, "the value must be %s", expected);
}

static int parse_size(Parser *parser, struct json_object *value, const char *what, size_t *ret)
{
    int64_t number = json_object_get_int64(value);

    if (!json_object_is_type(value, json_type_int) || number < 1 || number > UINT32_MAX)
        return fail(parser, "%s must be a whole number, 1 or more", what);
    *ret = (size_t)number;
    return 0;
}

static int copy(const char *text, char **ret)
{
    *ret = strdup(text);
    return *ret ? 0 : -ENOMEM;
}

/* --- sources --- */

/* Sets the source of CREDENTIAL, which may have only one. */
static int set_source(Parser *parser, PolicyCredential *credential, PolicySource source)
{
    const char *name = policy_source_name(source);

    if (parser->source)
        return fail(parser, "\"%s\" and \"%s\": a credential can have only one source", name,
                    parser->source);
    parser->source = name;
    credential->source = source;
    return 0;
}

static int parse_store(Parser *parser, struct json_object *value, void *into)
{
    if (!json_object_is_type(value, json_type_boolean) || !json_object_get_boolean(value))
        return fail(parser, "\"store\" can only be true");
    return set_source(parser, into, POLICY_STORE);
}

/* Absolute, canonical, and without characters that are special in unit files. */
static bool path_valid(const char *path)
{
    size_t length = strlen(path);

    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return path[0] == '/' && length > 1 && length < PATH_MAX && !strstr(path, "//") &&
           !strstr(path, "/./") && !strstr(path, "/../") && path[length - 1] != '/' &&
           path[length - 1] != '\\' && path[length - 1] != ' ' &&
           strcmp(strrchr(path, '/'), "/.") != 0 && strcmp(strrchr(path, '/'), "/..") != 0;
}

static int parse_path(Parser *parser, struct json_object *value, PolicySource source,
                      PolicyCredential *credential)
{
    const char *path = json_text(value);
    int r = set_source(parser, credential, source);

    if (r != 0)
        return r;
    if (!path || !path_valid(path))
        return fail(parser, "\"%s\" must be the absolute path of a file", parser->source);
    return copy(path, &credential->text);
}

static int parse_sealed(Parser *parser, struct json_object *value, void *into)
{
    return parse_path(parser, value, POLICY_SEALED, into);
}

static int parse_file(Parser *parser, struct json_object *value, void *into)
{
    return parse_path(parser, value, POLICY_FILE, into);
}

static int parse_template(Parser *parser, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;
    const char *text = json_text(value);
    Reason reason = {0};
    int r = set_source(parser, credential, POLICY_TEMPLATE);

    if (r != 0)
        return r;
    if (!text)
        return fail(parser, "\"template\" must be a text");
    if (template_check(text, &reason) != 0)
        return fail(parser, "%s", reason.text);
    return copy(text, &credential->text);
}

static int parse_share(Parser *parser, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;
    const char *text = json_text(value);
    CredentialName name;
    int r = set_source(parser, credential, POLICY_SHARE);

    if (r != 0)
        return r;
    if (!text || credential_name_parse(text, NULL, &name) != 0 || !policy_id_valid(name.id))
        return fail(parser, "\"share\" must have the form MACHINE@ID, such as \"db@db-password\"");
    return copy(text, &credential->text);
}

/* --- recipes --- */

typedef struct RecipeFields {
    Recipe recipe;
    bool has_type;
    const char *unit;     /* "length" or "bytes", whichever is given; else NULL */
    const char *alphabet; /* NULL if not given */
    size_t length;
} RecipeFields;

static int parse_type(Parser *parser, struct json_object *value, void *into)
{
    RecipeFields *fields = into;
    const char *text = json_text(value);
    RecipeType type;

    if (!text || !recipe_type_from_name(text, &type))
        return fail(parser, "\"type\" must be \"password\", \"hex\", \"base64\", \"uuid\", "
                            "\"ssh-ed25519\" or \"x25519\"");
    fields->recipe = recipe_default(type);
    fields->has_type = true;
    return 0;
}

static int parse_unit(Parser *parser, struct json_object *value, const char *unit,
                      RecipeFields *fields)
{
    if (fields->unit)
        return fail(parser, "\"%s\" and \"%s\" exclude each other", unit, fields->unit);
    fields->unit = unit;
    return parse_size(parser, value, unit, &fields->length);
}

static int parse_length(Parser *parser, struct json_object *value, void *into)
{
    return parse_unit(parser, value, "length", into);
}

static int parse_bytes(Parser *parser, struct json_object *value, void *into)
{
    return parse_unit(parser, value, "bytes", into);
}

static int parse_alphabet(Parser *parser, struct json_object *value, void *into)
{
    RecipeFields *fields = into;

    fields->alphabet = json_text(value);
    return fields->alphabet ? 0 : fail(parser, "\"alphabet\" must be a text");
}

static int finish_recipe(Parser *parser, RecipeFields *fields)
{
    bool password = fields->recipe.type == RECIPE_PASSWORD;
    const char *name = recipe_type_name(fields->recipe.type);
    const char *unit = password ? "length" : "bytes";
    Reason reason = {0};
    int r = 0;

    if (!fields->has_type)
        return fail(parser, "\"generate\" has no \"type\"");
    if (fields->unit &&
        (!recipe_type_has_length(fields->recipe.type) || strcmp(fields->unit, unit) != 0))
        return fail(parser, "\"%s\" does not apply to \"%s\"", fields->unit, name);
    if (fields->alphabet && !password)
        return fail(parser, "\"alphabet\" does not apply to \"%s\"", name);
    if (fields->unit)
        fields->recipe.length = fields->length;
    if (fields->alphabet)
        r = recipe_set_alphabet(&fields->recipe, fields->alphabet, &reason);
    if (r == 0)
        r = recipe_check(&fields->recipe, &reason);
    return r == 0 ? 0 : fail(parser, "%s", reason.text);
}

static int parse_generate(Parser *parser, struct json_object *value, void *into)
{
    static const Member members[] = {
        {"type", parse_type},
        {"length", parse_length},
        {"bytes", parse_bytes},
        {"alphabet", parse_alphabet},
        {0},
    };
    PolicyCredential *credential = into;
    RecipeFields fields = {0};
    int r = set_source(parser, credential, POLICY_GENERATE);

    if (r == 0)
        r = parse_members(parser, value, members, "\"generate\"", &fields);
    if (r == 0)
        r = finish_recipe(parser, &fields);
    if (r == 0)
        credential->recipe = fields.recipe;
    return r;
}

/* --- who gets it --- */

static const Word deliveries[] = {
    {"boot", POLICY_BOOT}, {"live", POLICY_LIVE}, {"native", POLICY_NATIVE}, {NULL, 0}};

static int parse_delivery(Parser *parser, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;
    int delivery;
    int r = parse_word(parser, value, deliveries, "\"boot\", \"live\" or \"native\"", &delivery);

    if (r == 0)
        credential->delivery = (PolicyDelivery)delivery;
    return r;
}

static const Word changes[] = {
    {"none", POLICY_NONE}, {"restart", POLICY_RESTART}, {"reload", POLICY_RELOAD}, {NULL, 0}};

static int parse_on_change(Parser *parser, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;
    int change;
    int r = parse_word(parser, value, changes, "\"restart\", \"reload\" or \"none\"", &change);

    if (r == 0)
        credential->on_change = (PolicyChange)change;
    return r;
}

static int parse_services(Parser *parser, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;
    size_t count;

    if (!json_object_is_type(value, json_type_array))
        return fail(parser, "\"services\" must be a list, […]");
    count = json_object_array_length(value);
    if (count > LIMIT_POLICY_SERVICES)
        return fail(parser, "there are more than %zu services", LIMIT_POLICY_SERVICES);
    credential->services = calloc(count + 1, sizeof(credential->services[0]));
    if (!credential->services)
        return -ENOMEM;
    parser->levels++;
    for (size_t i = 0; i < count; i++) {
        const char *name = json_text(json_object_array_get_idx(value, i));

        parser->path[parser->levels - 1] = i;
        if (!name || !unit_name_valid(name))
            return fail(parser,
                        "the value must be the name of a unit, such as \"postgresql.service\"");
        if (copy(name, &credential->services[i]) < 0)
            return -ENOMEM;
        credential->service_count++;
    }
    parser->levels--;
    return 0;
}

/* --- credentials --- */

static const Member credential_members[] = {
    {"store", parse_store},        {"sealed", parse_sealed},
    {"template", parse_template},  {"generate", parse_generate},
    {"share", parse_share},        {"file", parse_file},
    {"delivery", parse_delivery},  {"services", parse_services},
    {"onChange", parse_on_change}, {0},
};

const char *policy_source_name(PolicySource source)
{
    return credential_members[source].name;
}

const char *policy_delivery_name(PolicyDelivery delivery)
{
    return deliveries[delivery].word;
}

const char *policy_change_name(PolicyChange change)
{
    return changes[change].word;
}

static int check_id(Parser *parser, const char *id)
{
    CredentialName name;
    Reason reason = {0};

    if (!policy_id_valid(id))
        return fail(parser, "\"%s\" is not an id: use letters, digits and -_.+@,=~",
                    shown(id).text);
    if (credential_name_new(parser->policy->machine, id, &reason, &name) != 0)
        return fail(parser, "%s", reason.text);
    return 0;
}

static int check_credential(Parser *parser, const PolicyCredential *credential)
{
    if (credential->delivery != POLICY_NATIVE)
        return 0;
    /* The service manager passes it to its executor as a word without quoting it (257). */
    if (credential->source == POLICY_SEALED && strpbrk(credential->text, " \"'\\"))
        return fail(parser,
                    "with \"delivery\": \"native\" the path of the sealed file must not contain "
                    "spaces, quotes or backslashes, which the service manager does not support");
    if (credential->source != POLICY_STORE && credential->source != POLICY_SEALED)
        return fail(
            parser,
            "with \"delivery\": \"native\" the service manager itself opens the credential, "
            "which must be a sealed file and cannot come from \"%s\"",
            policy_source_name(credential->source));
    return 0;
}

static int parse_credential(Parser *parser, const char *id, struct json_object *value)
{
    _cleanup_(policy_credential_done) PolicyCredential credential = {
        .file = parser->policy->file_count - 1,
        .number = parser->path[parser->levels - 1],
    };
    int r = check_id(parser, id);

    if (r != 0)
        return r;
    if (!value) {
        policy_remove(parser->policy, id);
        return 0;
    }
    parser->source = NULL;
    strcpy(credential.id, id);
    r = parse_members(parser, value, credential_members, "a credential", &credential);
    if (r == 0)
        r = check_credential(parser, &credential);
    if (r == 0)
        r = policy_put(parser->policy, &credential);
    if (r == OUTCOME_TOO_LARGE)
        return fail(parser, "there are more than %zu credentials", LIMIT_POLICY_CREDENTIALS);
    return r;
}

static int parse_credentials(Parser *parser, struct json_object *value, void *into)
{
    (void)into;
    if (!json_object_is_type(value, json_type_object))
        return fail(parser, "\"credentials\" must be an object, {…}");
    parser->path[parser->levels++] = 0;
    json_object_object_foreach(value, id, credential)
    {
        int r = parse_credential(parser, id, credential);

        if (r != 0)
            return r;
        parser->path[parser->levels - 1]++;
    }
    parser->levels--;
    return 0;
}

int policy_file_parse(BytesView text, const char *file, Policy *policy, PolicyFault *fault)
{
    static const Member members[] = {{"credentials", parse_credentials}, {0}};
    _cleanup_(json_object_putp) struct json_object *root = NULL;
    Parser parser = {.text = text, .name = file, .policy = policy, .fault = fault};
    JsonPosition place = {0};
    Reason reason = {0};
    int r;

    if (text.size > LIMIT_POLICY_BYTES)
        return policy_fault_set(fault, OUTCOME_BAD_POLICY, file, place,
                                "it is larger than %zu bytes", LIMIT_POLICY_BYTES);
    r = json_parse_located(text, DEPTH + 1, &place, &reason, &root);
    if (r == OUTCOME_MALFORMED)
        return policy_fault_set(fault, OUTCOME_BAD_POLICY, file, place, "%s", reason.text);
    if (r == 0)
        r = policy_add_file(policy, file, text);
    if (r == 0)
        r = parse_members(&parser, root, members, "a policy", NULL);
    if (r == 0 && json_object_object_length(root) == 0)
        r = fail(&parser, "\"credentials\" is missing");
    return r;
}
