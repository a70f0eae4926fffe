/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Messages of the varlink protocol: calls, replies and errors, as JSON. Pure.
 *
 *     {"method": "io.nspawn-creds.Broker.List", "parameters": {…}, "more": true}
 *     {"parameters": {…}, "continues": true}
 *     {"error": "io.nspawn-creds.Broker.NotFound", "parameters": {…}}
 *
 * Parsing is strict (base/json.h): unknown or repeated members and wrong types are errors. Messages
 * must not contain secrets, because json-c frees memory without wiping it.
 * https://varlink.org/Method-Call
 */

#include "base/json.h"

/* The errors of every service (https://varlink.org/Service). */
#define VARLINK_INTERFACE_NOT_FOUND "org.varlink.service.InterfaceNotFound"
#define VARLINK_METHOD_NOT_FOUND    "org.varlink.service.MethodNotFound"
#define VARLINK_INVALID_PARAMETER   "org.varlink.service.InvalidParameter"
#define VARLINK_EXPECTED_MORE       "org.varlink.service.ExpectedMore"

/* Borrows from .root. */
typedef struct VarlinkCall {
    struct json_object *root;
    const char *method;             /* INTERFACE.MEMBER */
    struct json_object *parameters; /* an object, or NULL */
    bool more;                      /* the caller accepts several replies */
    bool oneway;                    /* the caller wants no reply */
} VarlinkCall;

void varlink_call_done(VarlinkCall *call); /* for _cleanup_ */

/* Returns 0, OUTCOME_MALFORMED (also for a call that would leave the protocol, "upgrade"), or
 * -ENOMEM. */
int varlink_call_parse(BytesView message, VarlinkCall *ret);

/* Returns the member of METHOD, and the length of the interface's name before it. */
const char *varlink_method_split(const char *method, size_t *ret_interface_size);

/* Borrows from .root. */
typedef struct VarlinkReply {
    struct json_object *root;
    const char *error;              /* INTERFACE.ERROR, or NULL */
    struct json_object *parameters; /* an object, or NULL */
    bool continues;                 /* more replies follow */
} VarlinkReply;

void varlink_reply_done(VarlinkReply *reply); /* for _cleanup_ */

/* Returns 0, OUTCOME_MALFORMED or -ENOMEM. */
int varlink_reply_parse(BytesView message, VarlinkReply *ret);

/* Make messages. PARAMETERS (may be NULL but for a reply's) are taken, also on failure. Return NULL
 * if there is no memory. */
struct json_object *varlink_call_new(const char *method, struct json_object *parameters, bool more);
struct json_object *varlink_reply_new(struct json_object *parameters, bool continues);
struct json_object *varlink_error_new(const char *error, struct json_object *parameters);

/* --- parameters --- */

typedef struct VarlinkField {
    const char *name;
    json_type type;
    bool optional; /* may be missing, or null */
} VarlinkField;

/* Compares PARAMETERS with FIELDS, which end with a row without a name. Returns the name of a
 * parameter that is unknown, missing or of another type (borrowed), or NULL if all are valid. */
const char *varlink_parameters_check(struct json_object *parameters, const VarlinkField *fields);

/* The value of a checked parameter, borrowed; NULL or false if it is missing. */
const char *varlink_text(struct json_object *parameters, const char *name);
bool varlink_flag(struct json_object *parameters, const char *name);

/* --- the interfaces of the control socket: io.nspawn-creds.Broker, and org.varlink.service, which
 * every varlink service has. Every outcome (base/outcome.h) is an error with a name in varlink's
 * form, such as "NameMismatch" for "name-mismatch". An error of the environment (a negative errno)
 * is "SystemError". All errors have the same parameters --- */

#define INTERFACE_BROKER  "io.nspawn-creds.Broker"
#define INTERFACE_COURIER "io.nspawn-creds.Courier"
#define INTERFACE_SERVICE "org.varlink.service"

/* The definition of the interface NAME as text: the file NAME.varlink and, for the broker's, an
 * error for each outcome. OUTCOME_NOT_FOUND; -ENOMEM. */
int interface_describe(const char *name, Bytes *ret);

/* "NameMismatch" for OUTCOME_NAME_MISMATCH. */
#define INTERFACE_ERROR_BYTES ((size_t)80)
void interface_error_name(int rc, char text[INTERFACE_ERROR_BYTES]);

/* OUTCOME_NAME_MISMATCH for "io.nspawn-creds.Broker.NameMismatch", and for the same error of the
 * courier's interface; -EPROTO if ERROR is not an outcome. */
int interface_error_outcome(const char *error);

/* An error's parameters, or NULL if there is no memory. */
struct json_object *interface_error_parameters(int rc, const Reason *reason);
