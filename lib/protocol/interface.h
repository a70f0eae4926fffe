/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The interfaces of the control socket, as varlink tells them: io.nspawn-creds.Broker, and
 * org.varlink.service, which every service has.
 *
 * An error is an outcome (base/outcome.h) under a name of varlink's form, such as "NameMismatch"
 * for "name-mismatch", so that whatever can be told at all can be told here; a failure of the
 * environment is "SystemError". All have the same parameters.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <json-c/json.h>

#define INTERFACE_BROKER  "io.nspawn-creds.Broker"
#define INTERFACE_SERVICE "org.varlink.service"

/* The definition of the interface NAME, SIZE bytes long, as text. OUTCOME_NOT_FOUND, -ENOMEM. */
int interface_describe(const char *name, size_t size, Bytes *ret);

/* "NameMismatch" for OUTCOME_NAME_MISMATCH. */
#define INTERFACE_ERROR_BYTES ((size_t)80)
void interface_error_name(int rc, char text[INTERFACE_ERROR_BYTES]);

/* The outcome of "io.nspawn-creds.Broker.NameMismatch"; -EPROTO for what is none. */
int interface_error_outcome(const char *error);

/* An error's parameters; NULL if there is no memory. */
struct json_object *interface_error_parameters(int rc, const Reason *reason);
