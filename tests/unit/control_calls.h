/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Calls of a test broker's control socket, and looks at what it replies.
 */

#include "broker_fixture.h"

#include "protocol/client.h"
#include "protocol/varlink.h"

Client *connect_to(const BrokerFixture *broker);

/* Writes TEXT as the policy of MACHINE. */
void write_policy(const BrokerFixture *broker, const char *machine, const char *text);

/* {"machine": MACHINE, "credential": ID}, as far as they are not NULL. */
struct json_object *named(const char *machine, const char *id);

/* {"machine", "credential", "sealed"} of web's ID, and of the file PATH. */
struct json_object *with_file(const char *id, const char *path);

/* Parameters of Commit with one CHANGE, which is taken. */
struct json_object *committing(const char *verb, struct json_object *change);

/* Calls, takes PARAMETERS, and gives the reply if it is expected to be good. */
struct json_object *call(const BrokerFixture *broker, const char *method,
                         struct json_object *parameters, int expected);

/* Calls List for MACHINE, or for all (NULL); the credentials of all replies. */
struct json_object *list_of(const BrokerFixture *broker, const char *machine);

/* The value of a sample of METRICS that has this name, and this label if it is not NULL. */
double sample_of(struct json_object *metrics, const char *name, const char *label);

/* What OBJECT has as NAME, and that it has what is expected. */
struct json_object *member(struct json_object *object, const char *name);
void expect_number(struct json_object *object, const char *name, int64_t expected);
void expect_text(struct json_object *object, const char *name, const char *expected);
