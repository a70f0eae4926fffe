/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Verbs say with this when a credential that they have stored will be used, or why it will not be
 * delivered.
 */

#include "options.h"
#include "policy/policy.h"

/* Whether what POLICY delivers at the machine's start is too much for its unit, which is noted. */
bool stored_note_size(const Options *options, const Policy *policy);

/* Notes when NAME, which was just stored, will be used, and what is left to do. -ENOMEM. */
int stored_note_use(const Context *context, const Options *options, const CredentialName *name);

/* NAME was stored, and has REPLACED a value: prints that as JSON, or else its PUBLIC half (empty if
 * it has none), and does stored_note_use(). -ENOMEM. */
int stored_report(const Context *context, const Options *options, const CredentialName *name,
                  bool replaced, BytesView public, Reason *reason);
