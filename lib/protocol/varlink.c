/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "protocol/varlink.h"

#include "base/limits.h"
#include "protocol/interface_text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

/* --- parsing --- */

void varlink_call_done(VarlinkCall *call)
{
    json_object_put(call->root);
    *call = (VarlinkCall){0};
}

void varlink_reply_done(VarlinkReply *reply)
{
    json_object_put(reply->root);
    *reply = (VarlinkReply){0};
}

static const VarlinkField call_members[] = {
    {"method", json_type_string, false},  {"parameters", json_type_object, true},
    {"more", json_type_boolean, true},    {"oneway", json_type_boolean, true},
    {"upgrade", json_type_boolean, true}, {0},
};

static const VarlinkField reply_members[] = {
    {"error", json_type_string, true},
    {"parameters", json_type_object, true},
    {"continues", json_type_boolean, true},
    {0},
};

static int parse(BytesView message, const VarlinkField *members, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *root = NULL;
    int r = json_parse(message, LIMIT_JSON_DEPTH, NULL, NULL, &root);

    if (r != 0)
        return r;
    if (!json_object_is_type(root, json_type_object) || varlink_parameters_check(root, members))
        return OUTCOME_MALFORMED;
    *ret = TAKE_PTR(root);
    return 0;
}

int varlink_call_parse(BytesView message, VarlinkCall *ret)
{
    _cleanup_(varlink_call_done) VarlinkCall call = {0};
    int r = parse(message, call_members, &call.root);

    if (r != 0)
        return r;
    json_wipe_later(call.root);
    call.method = varlink_text(call.root, "method");
    call.parameters = json_object_object_get(call.root, "parameters");
    call.more = varlink_flag(call.root, "more");
    call.oneway = varlink_flag(call.root, "oneway");
    if (!strchr(call.method, '.') || (call.more && call.oneway) ||
        varlink_flag(call.root, "upgrade"))
        return OUTCOME_MALFORMED;
    *ret = TAKE(call);
    return 0;
}

int varlink_reply_parse(BytesView message, VarlinkReply *ret)
{
    struct json_object *root;
    int r = parse(message, reply_members, &root);

    if (r == 0)
        *ret = (VarlinkReply){
            .root = root,
            .error = varlink_text(root, "error"),
            .parameters = json_object_object_get(root, "parameters"),
            .continues = varlink_flag(root, "continues"),
        };
    return r;
}

const char *varlink_method_split(const char *method, size_t *ret_interface_size)
{
    const char *dot = strrchr(method, '.');

    *ret_interface_size = (size_t)(dot - method);
    return dot + 1;
}

/* --- writing --- */

/* TEXT, PARAMETERS and FLAG are left out if NULL. */
static struct json_object *message_new(const char *name, const char *text,
                                       struct json_object *parameters, const char *flag)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, name, text);
    if (parameters)
        json_add(object, "parameters", parameters);
    json_add_flag(object, flag, flag != NULL);
    return object;
}

struct json_object *varlink_call_new(const char *method, struct json_object *parameters, bool more)
{
    return message_new("method", method, parameters, more ? "more" : NULL);
}

struct json_object *varlink_reply_new(struct json_object *parameters, bool continues)
{
    return parameters ? message_new(NULL, NULL, parameters, continues ? "continues" : NULL) : NULL;
}

struct json_object *varlink_error_new(const char *error, struct json_object *parameters)
{
    return message_new("error", error, parameters, NULL);
}

/* --- parameters --- */

static bool fits(struct json_object *parameters, const VarlinkField *field)
{
    struct json_object *value = json_object_object_get(parameters, field->name);

    if (!value)
        return field->optional;
    return field->type == json_type_string ? json_text(value) != NULL
                                           : json_object_is_type(value, field->type);
}

const char *varlink_parameters_check(struct json_object *parameters, const VarlinkField *fields)
{
    if (parameters) {
        json_object_object_foreach(parameters, name, value)
        {
            const VarlinkField *field = fields;

            (void)value;
            while (field->name && strcmp(field->name, name) != 0)
                field++;
            if (!field->name)
                return name;
        }
    }
    for (const VarlinkField *field = fields; field->name; field++)
        if (!fits(parameters, field))
            return field->name;
    return NULL;
}

const char *varlink_text(struct json_object *parameters, const char *name)
{
    return json_text(json_object_object_get(parameters, name));
}

bool varlink_flag(struct json_object *parameters, const char *name)
{
    return json_object_get_boolean(json_object_object_get(parameters, name));
}

/* --- interfaces: CMake makes interface_text.h of *.varlink --- */

#define ERROR_PARAMETERS "(sentence: string, reason: ?string, remedy: ?string)"

static void write_error(Writer *writer, int rc)
{
    char name[INTERFACE_ERROR_BYTES];

    interface_error_name(rc, name);
    writer_text(writer, "\n# ");
    writer_text(writer, rc < 0 ? "The system reports an error" : outcome_sentence(rc));
    writer_text(writer, ".\nerror ");
    writer_text(writer, name);
    writer_text(writer, " " ERROR_PARAMETERS "\n");
}

int interface_describe(const char *name, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    if (strcmp(name, INTERFACE_SERVICE) == 0) {
        writer_text(&writer, org_varlink_service);
    } else if (strcmp(name, INTERFACE_BROKER) == 0 || strcmp(name, INTERFACE_COURIER) == 0) {
        writer_text(&writer, strcmp(name, INTERFACE_BROKER) == 0 ? io_nspawn_creds_Broker
                                                                 : io_nspawn_creds_Courier);
        for (int rc = OUTCOME_OK + 1; rc < _OUTCOME_MAX; rc++)
            write_error(&writer, rc);
        write_error(&writer, -EIO);
    } else {
        return OUTCOME_NOT_FOUND;
    }
    return writer_take(&writer, ret);
}

void interface_error_name(int rc, char text[INTERFACE_ERROR_BYTES])
{
    bool begins = true;
    size_t length = 0;

    for (const char *cursor = outcome_name(rc); *cursor; cursor++) {
        if (*cursor == '-') {
            begins = true;
            continue;
        }
        if (length + 1 < INTERFACE_ERROR_BYTES)
            text[length++] = begins ? (char)toupper((unsigned char)*cursor) : *cursor;
        begins = false;
    }
    text[length] = '\0';
}

int interface_error_outcome(const char *error)
{
    char name[INTERFACE_ERROR_BYTES];
    size_t prefix;

    if (strncmp(error, INTERFACE_BROKER ".", strlen(INTERFACE_BROKER ".")) == 0)
        prefix = strlen(INTERFACE_BROKER ".");
    else if (strncmp(error, INTERFACE_COURIER ".", strlen(INTERFACE_COURIER ".")) == 0)
        prefix = strlen(INTERFACE_COURIER ".");
    else
        return -EPROTO;
    for (int rc = OUTCOME_OK + 1; rc < _OUTCOME_MAX; rc++) {
        interface_error_name(rc, name);
        if (strcmp(error + prefix, name) == 0)
            return rc;
    }
    return -EPROTO;
}

struct json_object *interface_error_parameters(int rc, const Reason *reason)
{
    struct json_object *object = json_object_new_object();

    json_add_text(object, "sentence", outcome_sentence(rc));
    json_add_text(object, "reason", reason->text[0] ? reason->text : NULL);
    json_add_text(object, "remedy", outcome_remedy(rc));
    return object;
}
