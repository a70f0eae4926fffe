/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The parser of policy files. See policy.h.
 *
 * The objects of the format are tables of members, each with a function that parses its value. The
 * parser tracks the path of the current value, to find the position of a mistake.
 */

#include "policy/policy.h"

#include "base/array.h"
#include "policy/template.h"

#include <errno.h>
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

/* The table ends with a NULL name; .parse is then for all other names, or NULL if there are none.
 */
typedef struct Member {
    const char *name;
    int (*parse)(Parser *parser, const char *name, struct json_object *value, void *into);
} Member;

static const Member *find_member(const Member *members, const char *name)
{
    while (members->name && strcmp(members->name, name) != 0)
        members++;
    return members;
}

/* Guesses that NAME is a misspelling of a member that starts with the same letters. */
static int fail_unknown(Parser *parser, const Member *members, const char *name)
{
    size_t length = strnlen(name, 3);

    for (; length > 0 && members->name; members++)
        if (strncasecmp(members->name, name, length) == 0)
            return fail(parser, "unknown member \"%s\"; did you mean \"%s\"?", shown(name).text,
                        members->name);
    return fail(parser, "unknown member \"%s\"", shown(name).text);
}

/* Parses the object VALUE, all of whose members must be in MEMBERS. */
static int parse_members(Parser *parser, struct json_object *value, const Member *members,
                         const char *what, void *into)
{
    if (!json_object_is_type(value, json_type_object))
        return fail(parser, "%s must be an object, {…}", what);
    parser->path[parser->levels++] = 0;
    json_object_object_foreach(value, name, member_value)
    {
        const Member *member = find_member(members, name);
        int r = member->parse ? member->parse(parser, name, member_value, into)
                              : fail_unknown(parser, members, name);

        if (r != 0)
            return r;
        parser->path[parser->levels - 1]++;
    }
    parser->levels--;
    return 0;
}

/* RET is the index of VALUE in the COUNT WORDS. */
static int parse_word(Parser *parser, struct json_object *value, const char *const *words,
                      unsigned count, const char *expected, unsigned *ret)
{
    const char *text = json_text(value);

    for (unsigned i = 0; text && i < count; i++)
        if (strcmp(words[i], text) == 0) {
            *ret = i;
            return 0;
        }
    return fail(parser, "the value must be %s", expected);
}

/* --- recipes --- */

typedef struct RecipeFields {
    Recipe recipe;
    bool has_type;
    const char *unit;     /* "length" or "bytes", whichever is given; else NULL */
    const char *alphabet; /* NULL if not given */
    size_t length;
} RecipeFields;

static int parse_type(Parser *parser, const char *, struct json_object *value, void *into)
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

static int parse_unit(Parser *parser, const char *name, struct json_object *value, void *into)
{
    RecipeFields *fields = into;
    int64_t number;

    if (fields->unit)
        return fail(parser, "\"%s\" and \"%s\" exclude each other", name, fields->unit);
    if (!json_number(value, 1, UINT32_MAX, &number))
        return fail(parser, "%s must be a whole number, 1 or more", name);
    fields->unit = name;
    fields->length = (size_t)number;
    return 0;
}

static int parse_alphabet(Parser *parser, const char *name, struct json_object *value, void *into)
{
    RecipeFields *fields = into;

    fields->alphabet = json_text(value);
    return fields->alphabet ? 0 : fail(parser, "\"%s\" must be a text", name);
}

static int finish_recipe(Parser *parser, RecipeFields *fields)
{
    bool password = fields->recipe.type == RECIPE_PASSWORD;
    const char *name = recipe_types[fields->recipe.type].name;
    const char *unit = password ? "length" : "bytes";
    Reason reason = {0};
    int r = 0;

    if (!fields->has_type)
        return fail(parser, "\"generate\" has no \"type\"");
    if (fields->unit &&
        (recipe_types[fields->recipe.type].length == 0 || strcmp(fields->unit, unit) != 0))
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

static int parse_generate(Parser *parser, struct json_object *value, Recipe *ret)
{
    static const Member members[] = {
        {"type", parse_type},
        {"length", parse_unit},
        {"bytes", parse_unit},
        {"alphabet", parse_alphabet},
        {0},
    };
    RecipeFields fields = {0};
    int r = parse_members(parser, value, members, "\"generate\"", &fields);

    if (r == 0)
        r = finish_recipe(parser, &fields);
    if (r == 0)
        *ret = fields.recipe;
    return r;
}

/* --- sources --- */

/* The members that set the source. */
const char *const policy_source_names[] = {
    [POLICY_STORE] = "store",       [POLICY_SEALED] = "sealed", [POLICY_TEMPLATE] = "template",
    [POLICY_GENERATE] = "generate", [POLICY_SHARE] = "share",   [POLICY_FILE] = "file",
    [POLICY_FLEET] = "fleet",
};

/* Whether PATH can be in a unit file, too. */
static bool is_plain_path(const char *path)
{
    size_t length = strlen(path);

    for (const char *c = path; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return path_canonical(path) && path[length - 1] != '\\' && path[length - 1] != ' ';
}

static int parse_text(Parser *parser, const char *text, PolicyCredential *credential)
{
    CredentialName name;
    Reason reason = {0};

    if (credential->source == POLICY_TEMPLATE) {
        if (!text)
            return fail(parser, "\"template\" must be a text");
        if (template_check(text, &reason) != 0)
            return fail(parser, "%s", reason.text);
    } else if (credential->source == POLICY_SHARE) {
        if (!text || credential_name_parse(text, NULL, &name) != 0 || !policy_id_valid(name.id))
            return fail(parser,
                        "\"share\" must have the form MACHINE@ID, such as \"db@db-password\"");
    } else if (credential->source == POLICY_FLEET) {
        if (!text || !fleet_name_valid(text))
            return fail(parser, "\"fleet\" must be a fleet's name: a-z, 0-9 and \"-\", with a "
                                "letter or digit at both ends");
    } else if (!text || !is_plain_path(text)) {
        return fail(parser, "\"%s\" must be the absolute path of a file", parser->source);
    }
    credential->text = strdup(text);
    return credential->text ? 0 : -ENOMEM;
}

static int parse_source(Parser *parser, const char *name, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;

    if (parser->source)
        return fail(parser, "\"%s\" and \"%s\": a credential can have only one source", name,
                    parser->source);
    parser->source = name;
    while (strcmp(policy_source_names[credential->source], name) != 0)
        credential->source++;
    if (credential->source == POLICY_GENERATE)
        return parse_generate(parser, value, &credential->recipe);
    if (credential->source != POLICY_STORE)
        return parse_text(parser, json_text(value), credential);
    return json_is_true(value) ? 0 : fail(parser, "\"store\" can only be true");
}

/* --- who gets it --- */

const char *const policy_delivery_names[] = {
    [POLICY_BOOT] = "boot", [POLICY_LIVE] = "live", [POLICY_NATIVE] = "native"};

const char *const policy_change_names[] = {
    [POLICY_NONE] = "none", [POLICY_RESTART] = "restart", [POLICY_RELOAD] = "reload"};

static const char *const failure_names[] = {[POLICY_KEEP] = "keep", [POLICY_PREVIOUS] = "previous"};

/* As in nspawn-creds --with-key=. No container may have a scoped credential or one with the null
 * key. */
static const char *const key_types[] = {
    "host", "tpm2", "host+tpm2", "tpm2-with-public-key", "host+tpm2-with-public-key",
};

static int parse_choice(Parser *parser, const char *name, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;
    unsigned type = 0;
    int r;

    if (strcmp(name, "delivery") == 0)
        return parse_word(parser, value, policy_delivery_names, _POLICY_DELIVERY_MAX,
                          "\"boot\", \"live\" or \"native\"", &credential->delivery);
    if (strcmp(name, "onChange") == 0)
        return parse_word(parser, value, policy_change_names, _POLICY_CHANGE_MAX,
                          "\"restart\", \"reload\" or \"none\"", &credential->on_change);
    if (strcmp(name, "onFailure") == 0)
        return parse_word(parser, value, failure_names, _POLICY_FAILURE_MAX,
                          "\"keep\" or \"previous\"", &credential->on_failure);
    r = parse_word(parser, value, key_types, sizeof(key_types) / sizeof(key_types[0]),
                   "\"host\", \"tpm2\", \"host+tpm2\", \"tpm2-with-public-key\" or "
                   "\"host+tpm2-with-public-key\"",
                   &type);
    credential->key_type = key_types[type];
    return r;
}

static int parse_services(Parser *parser, const char *, struct json_object *value, void *into)
{
    PolicyCredential *credential = into;

    if (!json_object_is_type(value, json_type_array))
        return fail(parser, "\"services\" must be a list, […]");
    if (json_length(value) > LIMIT_POLICY_SERVICES)
        return fail(parser, "there are more than %zu services", LIMIT_POLICY_SERVICES);
    parser->levels++;
    for (size_t i = 0; i < json_length(value); i++) {
        const char *name = json_text(json_object_array_get_idx(value, i));

        parser->path[parser->levels - 1] = i;
        if (!name || !unit_name_valid(name))
            return fail(parser,
                        "the value must be the name of a unit, such as \"postgresql.service\"");
        if (!strings_add(&credential->services, &credential->service_count, name))
            return -ENOMEM;
    }
    parser->levels--;
    return 0;
}

/* --- credentials --- */

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

/* Only the broker looks at the key type, and only at that of a sealed file. */
static int check_key_type(Parser *parser, const PolicyCredential *credential)
{
    if (!credential->key_type)
        return 0;
    if (credential->delivery == POLICY_NATIVE)
        return fail(
            parser,
            "with \"delivery\": \"native\" the service manager itself opens the credential, "
            "and does not look at \"keyType\"");
    if (credential->source == POLICY_SHARE)
        return fail(parser, "with \"share\" the \"keyType\" is up to the other machine's policy");
    if (credential->source == POLICY_TEMPLATE || credential->source == POLICY_FILE)
        return fail(parser, "\"keyType\" does not apply to \"%s\", which is not sealed",
                    policy_source_names[credential->source]);
    if (credential->source == POLICY_GENERATE && strstr(credential->key_type, "public-key"))
        return fail(parser,
                    "a generated secret has no PCR policy: its \"keyType\" can be \"host\", "
                    "\"tpm2\" or \"host+tpm2\"");
    return 0;
}

static int check_credential(Parser *parser, const PolicyCredential *credential)
{
    int r = check_key_type(parser, credential);

    if (r == 0 && credential->on_failure != POLICY_KEEP && credential->source != POLICY_FLEET)
        return fail(parser, "\"onFailure\" does not apply to \"%s\", only to \"fleet\"",
                    policy_source_names[credential->source]);
    if (r != 0 || credential->delivery != POLICY_NATIVE)
        return r;
    /* The service manager passes it to its executor as a word without quoting it (257). */
    if (credential->source == POLICY_SEALED && strpbrk(credential->text, " \"'\\"))
        return fail(parser,
                    "with \"delivery\": \"native\" the path of the sealed file must not contain "
                    "spaces, quotes or backslashes, which the service manager does not support");
    if (credential->source == POLICY_FLEET)
        return fail(parser, "with \"delivery\": \"native\" the service manager itself opens the "
                            "credential, and does not check that the fleet's signers signed it");
    if (credential->source != POLICY_STORE && credential->source != POLICY_SEALED)
        return fail(
            parser,
            "with \"delivery\": \"native\" the service manager itself opens the credential, "
            "which must be a sealed file and cannot come from \"%s\"",
            policy_source_names[credential->source]);
    return 0;
}

static int parse_credential(Parser *parser, const char *id, struct json_object *value, void *)
{
    static const Member members[] = {
        {"store", parse_source},
        {"sealed", parse_source},
        {"template", parse_source},
        {"generate", parse_source},
        {"share", parse_source},
        {"file", parse_source},
        {"fleet", parse_source},
        {"delivery", parse_choice},
        {"services", parse_services},
        {"onChange", parse_choice},
        {"onFailure", parse_choice},
        {"keyType", parse_choice},
        {0},
    };
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
    r = parse_members(parser, value, members, "a credential", &credential);
    if (r == 0)
        r = check_credential(parser, &credential);
    if (r == 0)
        r = policy_put(parser->policy, &credential);
    if (r == OUTCOME_TOO_LARGE)
        return fail(parser, "there are more than %zu credentials", LIMIT_POLICY_CREDENTIALS);
    return r;
}

static int parse_credentials(Parser *parser, const char *, struct json_object *value, void *into)
{
    static const Member any[] = {{NULL, parse_credential}};

    return parse_members(parser, value, any, "\"credentials\"", into);
}

int policy_file_parse(BytesView text, const char *file, Policy *policy, PolicyFault *fault)
{
    static const Member members[] = {{"credentials", parse_credentials}, {0}};
    _cleanup_(json_object_putp) struct json_object *root = NULL;
    Parser parser = {.text = text, .name = file, .policy = policy, .fault = fault};
    JsonPosition position = {0};
    Reason reason = {0};
    int r;

    if (text.size > LIMIT_POLICY_BYTES)
        return policy_fault_set(fault, OUTCOME_BAD_POLICY, file, position,
                                "it is larger than %zu bytes", LIMIT_POLICY_BYTES);
    r = json_parse(text, DEPTH + 1, &position, &reason, &root);
    if (r == OUTCOME_MALFORMED)
        return policy_fault_set(fault, OUTCOME_BAD_POLICY, file, position, "%s", reason.text);
    if (r == 0)
        r = policy_add_file(policy, file, text);
    if (r == 0)
        r = parse_members(&parser, root, members, "a policy", NULL);
    if (r == 0 && json_object_object_length(root) == 0)
        r = fail(&parser, "\"credentials\" is missing");
    return r;
}
