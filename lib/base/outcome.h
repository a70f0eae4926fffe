/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Outcomes: documented conditions. outcome.def is the one table of what each means.
 *
 * A function returns 0 for success, a negative errno for a failure of its environment, which is
 * forwarded unchanged, or a positive Outcome, which the caller handles. The details go into a
 * Reason, one line of text that the caller supplies (or NULL): the library never logs.
 */

#include <stddef.h>

/* OUTCOME_OK is 0. */
typedef enum Outcome {
#define OUTCOME(identifier, ...) OUTCOME_##identifier,
#include "base/outcome.def"
#undef OUTCOME
    _OUTCOME_MAX,
} Outcome;

/* One line of text without a final full stop or newline: what exactly was wrong. Never contains a
 * secret. */
typedef struct Reason {
    char text[320];
} Reason;

/* Writes a line to REASON (NULL: nowhere) and returns RC, so that a function can end with
 * `return reason_set(reason, OUTCOME_MALFORMED, "…")`. For a negative RC it appends ": " and the
 * text of the errno. */
int reason_set(Reason *reason, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* If RC is not 0, puts a text in front of what REASON (NULL: nothing) says, such as the name of the
 * file that is wrong. Returns RC. */
int reason_prefix(Reason *reason, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The outcome's stable identifier for JSON and the journal, such as "name-mismatch"; for a negative
 * errno "system-error". Never NULL. */
const char *outcome_name(int rc);

/* The outcome with this identifier; -EIO if there is none, as for "system-error" and NULL. */
int outcome_find(const char *name);

/* A sentence that says what happened, without a final full stop; for a negative errno the system's
 * text. Never NULL. */
const char *outcome_sentence(int rc);

/* The text of REASON, or the sentence of RC where it is empty. */
const char *outcome_reason(int rc, const Reason *reason);

/* What to do about it, without a final full stop; NULL if nothing can be done. Names of credentials
 * are written MACHINE@ID. */
const char *outcome_remedy(int rc);

/* The same with the names of the credential in place of MACHINE and ID, quoted for a shell, so that
 * a command can be copied as it is. MACHINE and ID may be NULL or empty if they are not known.
 * Writes to RET and returns it, or NULL if nothing can be done. */
#define OUTCOME_REMEDY_BYTES ((size_t)768)
const char *outcome_remedy_for(int rc, const char *machine, const char *id,
                               char ret[OUTCOME_REMEDY_BYTES]);

/* The exit status of a program that ends with RC: 0 for success, 1 for a negative errno, otherwise
 * from the table (documented in nspawn-creds(1)). */
int outcome_exit_status(int rc);
