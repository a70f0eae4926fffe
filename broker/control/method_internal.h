/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files with methods: method.c (the table, and the status), method_list.c (what the
 * store and the policies contain).
 */

#include "control/method.h"

/* Return false if there is no memory. */
bool method_add_number(struct json_object *object, const char *name, uint64_t value);
bool method_add_text(struct json_object *object, const char *name, const char *value);

/* Reads the parameters "machine" and "credential". Returns 0 or OUTCOME_INVALID_NAME. */
int method_name(struct json_object *parameters, Reason *reason, CredentialName *ret);

/* Writes an audit entry about a change of NAME (NULL if it concerns no credential). KEY is as in
 * AuditRecord. */
void method_note(const ControlEnvironment *environment, AuditVerdict verdict,
                 const CredentialName *name, const char *key);

/* --- method_list.c --- */

int method_list(const ControlEnvironment *environment, struct json_object *parameters,
                Reason *reason, struct json_object **ret);
int method_describe(const ControlEnvironment *environment, struct json_object *parameters,
                    Reason *reason, struct json_object **ret);
