/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Warns about the machines and services that would no longer start if a credential were removed.
 */

#include "base/context.h"
#include "base/names.h"

#include <stdbool.h>

/* Notes which machines and services do not start without the COUNT credentials NAMES, or without
 * what is made of them, according to the policies, and the command that takes each out of its
 * policy. STORED: they go from the store; otherwise from their own machines' policies. 0 or a
 * negative errno. */
int dependents_note(const Context *context, const CredentialName *names, size_t count, bool stored);
