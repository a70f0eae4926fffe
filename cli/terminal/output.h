/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the command line writes: results to standard output or a file, words to standard error.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "options.h"
#include "secret/secret.h"
#include "terminal/screen.h"

#include <json-c/json.h>

/* Prints a line, to which it adds the newline, without control characters (safe_text.h): for all
 * that contains names of files, or what the broker or a container says. */
void output_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints TEXT and a newline, wrapped at 80 columns. Its first line begins where the cursor is,
 * which is the column INDENT; the others are indented as far. */
void output_wrapped(size_t indent, const char *text);

/* The same in COLOUR, wrapped at the width of the terminal, or in one line where there is none or
 * it is too narrow. */
void output_text(Colour colour, size_t indent, const char *text);

/* From now on errors and notes are JSON objects, a line each; nspawn-creds(1) says what they have.
 */
void output_messages_in_json(void);

/* Writes what was printed so far, and waits until a pager is quit. Errors and notes do so first. */
void output_flush(void);

/* Does so at the end of a verb that returned RC, and explains if any output could not be written,
 * which makes a success a failure: returns RC or -EIO. It is none if the reader of a pipe has
 * ended. */
int output_finish(int rc);

/* What to do about RC, as outcome_remedy_for() says. NULL after "did you mean …?", or if REASON
 * ends with a command: other advice would be noise. */
const char *output_remedy(int rc, const char *machine, const char *id, const Reason *reason,
                          char ret[OUTCOME_REMEDY_BYTES]);

/* Explains a failure in up to two lines: what, about SUBJECT (NULL for nothing special), and what
 * to do. Returns RC. */
int output_error(int rc, const char *subject, const Reason *reason);

/* The same about SUBJECT and MORE others like it. */
int output_error_more(int rc, const char *subject, size_t more, const Reason *reason);

/* Returns "." to print after REMEDY, or "" if REMEDY ends with a command, which the full stop would
 * become a part of. */
const char *output_full_stop(const char *remedy);

/* What COUNT things of a kind end with: "1 host", "2 hosts". */
static inline const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* A remark that is no error. */
void output_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints OBJECT as MODE says (not JSON_OFF) and takes it. */
void output_json(struct json_object *object, JsonMode mode);

/* Whether PATH means standard output: NULL, "-" or "/dev/stdout". */
bool output_is_stdout(const char *path);

/* Sealed files are no secret. */
#define SEALED_FILE_MODE ((mode_t)0644)

/* An errno if the file PATH cannot be written, as far as can be seen before; never for standard
 * output (NULL or "-"). */
int output_check(const char *path, Reason *reason);

/* Writes sealed bytes to the file PATH, atomically, or to standard output for NULL or "-". */
int output_sealed(const char *path, BytesView sealed, Reason *reason);

/* Writes a secret to the file PATH, atomically, mode 0600; for "-" to standard output; for NULL to
 * standard output unless that is a terminal, which is OUTCOME_USAGE. NEWLINE as systemd-creds has
 * it: auto adds one on a terminal if none is there. */
int output_secret(const char *path, const Secret *secret, Tristate newline, Reason *reason);
