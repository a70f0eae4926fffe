/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Messages of the varlink protocol: calls, replies and errors, as JSON. Pure.
 *
 *     {"method": "io.nspawn-creds.Broker.List", "parameters": {…}, "more": true}
 *     {"parameters": {…}, "continues": true}
 *     {"error": "io.nspawn-creds.Broker.NotFound", "parameters": {…}}
 *
 * Read strictly (base/json.h): members that are not known, given twice or of the wrong type make a
 * message malformed. Never anything secret: json-c frees without wiping.
 * https://varlink.org/Method-Call
 */

#include "base/json.h"

/* Errors that every service has (https://varlink.org/Service). */
#define VARLINK_INTERFACE_NOT_FOUND    "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND       "org.varlink.service.MethodNotFound"
#define VARLINK_METHOD_NOT_IMPLEMENTED "org.varlink.service.MethodNotImplemented"
#define VARLINK_INVALID_PARAMETER      "org.varlink.service.InvalidParameter"
#define VARLINK_EXPECTED_MORE          "org.varlink.service.ExpectedMore"

/* What a peer asks for; borrows from .root. */
typedef struct VarlinkCall {
    struct json_object *root;
    const char *method;             /* INTERFACE.MEMBER */
    struct json_object *parameters; /* an object, or NULL */
    bool more;                      /* takes more than one reply */
    bool oneway;                    /* takes none */
} VarlinkCall;

void varlink_call_done(VarlinkCall *call); /* for _cleanup_ */

/* OUTCOME_MALFORMED, also for a call that wants to leave the protocol ("upgrade"); -ENOMEM. */
int varlink_call_parse(BytesView message, Reason *reason, VarlinkCall *ret);

/* The last part of a method's name, and the length of the interface's name before it. */
const char *varlink_method_split(const char *method, size_t *ret_interface_size);

/* What comes back; borrows from .root. */
typedef struct VarlinkReply {
    struct json_object *root;
    const char *error;              /* INTERFACE.ERROR, or NULL */
    struct json_object *parameters; /* an object, or NULL */
    bool continues;                 /* others follow */
} VarlinkReply;

void varlink_reply_done(VarlinkReply *reply); /* for _cleanup_ */

/* OUTCOME_MALFORMED, -ENOMEM. */
int varlink_reply_parse(BytesView message, Reason *reason, VarlinkReply *ret);

/* The objects of messages. PARAMETERS is taken, also on failure; NULL stands for none. NULL if
 * there is no memory. */
struct json_object *varlink_call_new(const char *method, struct json_object *parameters, bool more);
struct json_object *varlink_reply_new(struct json_object *parameters, bool continues);
struct json_object *varlink_error_new(const char *error, struct json_object *parameters);

/* --- parameters --- */

typedef struct VarlinkField {
    const char *name;
    json_type type;
    bool optional; /* may be missing, or null */
} VarlinkField;

/* The name of the first parameter that is not as FIELDS, which a row without a name ends, say: one
 * that is missing, of another type, or not among them. NULL if all is well. Borrowed. */
const char *varlink_parameters_check(struct json_object *parameters, const VarlinkField *fields);

/* What a parameter that was checked is; NULL or false if it is not given. Borrowed. */
const char *varlink_text(struct json_object *parameters, const char *name);
bool varlink_flag(struct json_object *parameters, const char *name);
