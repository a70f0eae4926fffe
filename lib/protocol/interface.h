/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The varlink interfaces of the control socket: io.nspawn-creds.Broker, and org.varlink.service,
 * which every varlink service has.
 *
 * Every outcome (base/outcome.h) is an error with a name in varlink's form, such as "NameMismatch"
 * for "name-mismatch". An error of the environment (a negative errno) is "SystemError". All errors
 * have the same parameters.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <json-c/json.h>

#define INTERFACE_BROKER  "io.nspawn-creds.Broker"
#define INTERFACE_SERVICE "org.varlink.service"

/* The definition of the interface NAME as text: the file NAME.varlink and, for the broker's, an
 * error for each outcome. OUTCOME_NOT_FOUND; -ENOMEM. */
int interface_describe(const char *name, Bytes *ret);

/* "NameMismatch" for OUTCOME_NAME_MISMATCH. */
#define INTERFACE_ERROR_BYTES ((size_t)80)
void interface_error_name(int rc, char text[INTERFACE_ERROR_BYTES]);

/* OUTCOME_NAME_MISMATCH for "io.nspawn-creds.Broker.NameMismatch"; -EPROTO if ERROR is not an
 * outcome. */
int interface_error_outcome(const char *error);

/* An error's parameters, or NULL if there is no memory. */
struct json_object *interface_error_parameters(int rc, const Reason *reason);
