/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages. See varlink.h.
 */

#include "protocol/varlink.h"

#include "base/limits.h"

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

static bool parse_flag(struct json_object *value, bool *ret)
{
    if (!json_object_is_type(value, json_type_boolean))
        return false;
    *ret = json_object_get_boolean(value);
    return true;
}

static bool parse_parameters(struct json_object *value, struct json_object **ret)
{
    if (value && !json_object_is_type(value, json_type_object))
        return false;
    *ret = value;
    return true;
}

static bool parse_text(struct json_object *value, const char **ret)
{
    *ret = json_text(value);
    return *ret != NULL;
}

static int parse_object(BytesView message, Reason *reason, struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *root = NULL;
    int r = json_parse(message, LIMIT_JSON_DEPTH, reason, &root);

    if (r == 0 && !json_object_is_type(root, json_type_object))
        r = reason_set(reason, OUTCOME_MALFORMED, "the message is not an object");
    if (r == 0)
        *ret = TAKE_PTR(root);
    return r;
}

static bool parse_call_member(const char *name, struct json_object *value, VarlinkCall *call)
{
    bool upgrade;

    if (strcmp(name, "method") == 0)
        return parse_text(value, &call->method);
    if (strcmp(name, "parameters") == 0)
        return parse_parameters(value, &call->parameters);
    if (strcmp(name, "more") == 0)
        return parse_flag(value, &call->more);
    if (strcmp(name, "oneway") == 0)
        return parse_flag(value, &call->oneway);
    return strcmp(name, "upgrade") == 0 && parse_flag(value, &upgrade) && !upgrade;
}

static bool parse_reply_member(const char *name, struct json_object *value, VarlinkReply *reply)
{
    if (strcmp(name, "error") == 0)
        return parse_text(value, &reply->error);
    if (strcmp(name, "parameters") == 0)
        return parse_parameters(value, &reply->parameters);
    return strcmp(name, "continues") == 0 && parse_flag(value, &reply->continues);
}

int varlink_call_parse(BytesView message, Reason *reason, VarlinkCall *ret)
{
    _cleanup_(varlink_call_done) VarlinkCall call = {0};
    int r = parse_object(message, reason, &call.root);

    if (r != 0)
        return r;
    json_object_object_foreach(call.root, name, value)
    {
        if (!parse_call_member(name, value, &call))
            return reason_set(reason, OUTCOME_MALFORMED,
                              "the member \"%.40s\" of the call is not valid", name);
    }
    if (!call.method || !strchr(call.method, '.') || (call.more && call.oneway))
        return reason_set(reason, OUTCOME_MALFORMED, "the call has no valid method");
    *ret = call;
    call = (VarlinkCall){0};
    return 0;
}

int varlink_reply_parse(BytesView message, Reason *reason, VarlinkReply *ret)
{
    _cleanup_(varlink_reply_done) VarlinkReply reply = {0};
    int r = parse_object(message, reason, &reply.root);

    if (r != 0)
        return r;
    json_object_object_foreach(reply.root, name, value)
    {
        if (!parse_reply_member(name, value, &reply))
            return reason_set(reason, OUTCOME_MALFORMED,
                              "the member \"%.40s\" of the reply is not valid", name);
    }
    *ret = reply;
    reply = (VarlinkReply){0};
    return 0;
}

const char *varlink_method_split(const char *method, size_t *ret_interface_size)
{
    const char *dot = strrchr(method, '.');

    *ret_interface_size = (size_t)(dot - method);
    return dot + 1;
}

/* --- writing --- */

/* NAME, TEXT, PARAMETERS and FLAG are left out if NULL. */
static struct json_object *message_new(const char *name, const char *text,
                                       struct json_object *parameters, const char *flag)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    bool good = object != NULL;

    if (name)
        good = good && json_add(object, name, json_object_new_string(text));
    if (parameters)
        good = json_add(object, "parameters", parameters) && good;
    if (flag)
        good = good && json_add(object, flag, json_object_new_boolean(true));
    return good ? TAKE_PTR(object) : NULL;
}

struct json_object *varlink_call_new(const char *method, struct json_object *parameters, bool more)
{
    return message_new("method", method, parameters, more ? "more" : NULL);
}

struct json_object *varlink_reply_new(struct json_object *parameters, bool continues)
{
    return message_new(NULL, NULL, parameters, continues ? "continues" : NULL);
}

struct json_object *varlink_error_new(const char *error, struct json_object *parameters)
{
    return message_new("error", error, parameters, NULL);
}

/* --- parameters --- */

static bool is_known(const char *name, const VarlinkField *fields)
{
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return true;
    return false;
}

static bool fits(struct json_object *parameters, const VarlinkField *field)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(parameters, field->name, &value);
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
            (void)value;
            if (!is_known(name, fields))
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
    struct json_object *value = NULL;

    json_object_object_get_ex(parameters, name, &value);
    return json_text(value);
}

bool varlink_flag(struct json_object *parameters, const char *name)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(parameters, name, &value);
    return json_object_get_boolean(value);
}
