/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The machines and services that get a credential, or what is made of it; and a warning that they
 * would no longer start if it were removed.
 */

#include "base/context.h"
#include "base/names.h"

#include <json-c/json.h>
#include <stdbool.h>

/* Notes which machines and services do not start without the COUNT credentials NAMES, or without
 * what is made of them, according to the policies, and the command that takes each out of its
 * policy. STORED: they go from the store; otherwise from their own machines' policies. 0 or a
 * negative errno. */
int dependents_note(const Context *context, const CredentialName *names, size_t count, bool stored);

/* Lists who gets the credential NAME, directly or in a share or a template, according to the
 * policies: objects with "machine", "credential", "delivery" and the list "services". 0 or a
 * negative errno. */
int dependents_list(const Context *context, const CredentialName *name, struct json_object **ret);
