/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A credential's new value: from a file, standard input or a prompt, or made to --generate='s
 * recipe.
 */

#include "base/context.h"
#include "options.h"
#include "terminal/input.h"

typedef struct SecretInput {
    Secret *secret;
    Bytes public; /* the public half, a line, of a key pair that was made; else empty */
} SecretInput;

void secret_input_done(SecretInput *value); /* for _cleanup_ */

/* OUTCOME_USAGE for an INPUT (NULL: none) and --generate= at once. To be asked before anything that
 * takes time. */
int secret_input_check(const Options *options, const char *input, Reason *reason);

/* Makes the value, or reads it as input_read_secret() does. NAME, "MACHINE@ID", is the comment of
 * an SSH key. With --newline=yes or no it ends with a newline, or does not; else it is as it was
 * given. OUTCOME_EMPTY, for nobody can tell an empty credential from one that could not be
 * delivered. */
int secret_input_get(const Context *context, const Options *options, const char *input,
                     const char *name, Reason *reason, SecretInput *ret);

/* Whether the last byte is a newline. */
bool secret_input_has_newline(const Secret *secret);

/* Has VALUE end with a newline, or not. */
int secret_input_set_newline(Secret **value, bool newline, Reason *reason);
