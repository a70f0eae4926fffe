/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Asking before what cannot be undone.
 */

#include "base/outcome.h"
#include "options.h"

/* Asks the question on the terminal. 0 for yes, or with --no-ask without a word; OUTCOME_USAGE for
 * no, or if there is no terminal to ask on. */
int confirm(const Options *options, Reason *reason, const char *question, ...)
    __attribute__((format(printf, 3, 4)));

/* OUTCOME_USAGE if there is no terminal to ask on, except with --no-ask. */
int confirm_possible(const Options *options, Reason *reason);

/* Asks the question until one of LETTERS is the answer. '\0' where that cannot be: with --no-ask,
 * without a terminal, or at its end. */
char confirm_choice(const Options *options, const char *letters, const char *question);
