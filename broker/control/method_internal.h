/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files with methods share: method.c (the table, and how the broker is), method_list.c
 * (what it has), method_change.c (what of it is changed).
 */

#include "control/method.h"

/* False if there is no memory. */
bool method_add_number(struct json_object *object, const char *name, uint64_t value);
bool method_add_text(struct json_object *object, const char *name, const char *value);

/* The parameters "machine" and "credential". OUTCOME_INVALID_NAME. */
int method_name(struct json_object *parameters, Reason *reason, CredentialName *ret);

/* Writes down that NAME (NULL: nothing in particular) was changed; KEY as in AuditRecord. */
void method_note(const ControlEnvironment *environment, AuditVerdict verdict,
                 const CredentialName *name, const char *key);

/* --- method_list.c --- */

int method_list(const ControlEnvironment *environment, struct json_object *parameters,
                Reason *reason, struct json_object **ret);
int method_describe(const ControlEnvironment *environment, struct json_object *parameters,
                    Reason *reason, struct json_object **ret);

/* --- method_change.c --- */

int method_store(const ControlEnvironment *environment, struct json_object *parameters,
                 Reason *reason, struct json_object **ret);
int method_remove(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret);
int method_rotate(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret);
int method_reseal(const ControlEnvironment *environment, struct json_object *parameters,
                  Reason *reason, struct json_object **ret);
