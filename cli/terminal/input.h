/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The input of the command line: secrets, which go into guarded memory, sealed files, and answers
 * to questions.
 */

#include "base/context.h"
#include "options.h"
#include "secret/secret.h"

/* "-" and NULL as "standard input". */
const char *input_name(const char *path);

/* The secret NAME (NULL or empty: it has none) from the file PATH; for NULL or "-" from standard
 * input, which is asked for twice and not echoed if it is a terminal. OUTCOME_TOO_LARGE;
 * OUTCOME_USAGE if the two answers differ. */
int input_read_secret(const char *path, const char *name, Reason *reason, Secret **ret);

/* The file PATH, or standard input for NULL or "-": at most LIMIT bytes. OUTCOME_TOO_LARGE; a
 * negative errno. */
int input_read_file(const char *path, size_t limit, Reason *reason, Bytes *ret);

/* A sealed file, raw, base64 or what encrypt --pretty prints, decoded; standard input for NULL or
 * "-". */
int input_read_sealed(const char *path, Reason *reason, Bytes *ret);

/* --- a credential's new value --- */

typedef struct InputValue {
    Secret *secret;
    Bytes public; /* the public half, a line, of a generated key pair; else empty */
} InputValue;

void input_value_done(InputValue *value); /* for _cleanup_ */

/* OUTCOME_USAGE for a PATH (NULL: none) and --generate= at once; an errno if there is no such file.
 * To be asked before anything that takes time. */
int input_check_value(const Options *options, const char *path, Reason *reason);

/* Generates the value as --generate= says, or reads it as input_read_secret() does. NAME
 * is "MACHINE@ID", also the comment of an SSH key. With --newline=yes or no it ends with a newline,
 * or does not; else it is as it was given. OUTCOME_EMPTY, for nobody can tell an empty credential
 * from one that could not be delivered. */
int input_get_value(const Context *context, const Options *options, const char *path,
                    const char *name, Reason *reason, InputValue *ret);

/* Notes that VALUE is a line with a newline, unless --newline= says what is wanted: at the end of a
 * piped password it is usually unintended. */
void input_note_newline(const Options *options, const InputValue *value);

/* Whether the last byte is a newline. */
bool input_has_newline(const Secret *secret);

/* Has VALUE end with a newline, or not. */
int input_set_newline(Secret **value, bool newline, Reason *reason);

/* --- questions, before what cannot be undone --- */

/* Asks the question on the terminal. 0 for yes, or with --no-ask without a word; OUTCOME_USAGE for
 * no, or if there is no terminal to ask on. */
int confirm(const Options *options, Reason *reason, const char *question, ...)
    __attribute__((format(printf, 3, 4)));

/* OUTCOME_USAGE if there is no terminal to ask on, except with --no-ask. */
int confirm_possible(const Options *options, Reason *reason);

/* Asks the question until one of LETTERS is the answer. '\0' where that cannot be: with --no-ask,
 * without a terminal, or at its end. */
char confirm_choice(const Options *options, const char *letters, const char *question);
