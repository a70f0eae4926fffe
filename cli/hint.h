/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The machines and credentials that exist, in the store or in a policy: for completions, and for
 * a question to somebody who has mistyped one.
 */

#include "options.h"

/* Calls OFFER for each machine that has credentials in the store or a policy, or for each id of
 * MACHINE if it is not NULL. Skips what it cannot read. A name that is in the store and in a
 * policy is offered twice. */
void hint_names(const Context *context, const Options *options, const char *machine,
                void (*offer)(void *userdata, const char *name), void *userdata);

/* "; did you mean NAME?", for the end of a sentence; "" if nothing was probably meant. */
typedef struct Hint {
    char text[CREDENTIAL_NAME_TEXT_BYTES + 20];
} Hint;

/* Finds the existing name closest to SUBJECT, "MACHINE@ID" or a machine, if SUBJECT does not exist.
 */
Hint hint_find(const Context *context, const Options *options, const char *subject);

/* Explains the failure RC about SUBJECT as output_error() does; if SUBJECT does not exist, but a
 * similar name does, by asking whether that was meant. Returns RC. */
int hint_error(const Context *context, const Options *options, int rc, const char *subject,
               const Reason *reason);
