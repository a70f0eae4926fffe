/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The observer of the command line: it prints notes to standard error. On a terminal it also shows
 * each wait that takes longer than a second:
 *
 *     Waiting for the TPM to unseal a key for web@db-password (3 of 24) ...
 *
 * It is one line, taken away when the wait is over. Nothing is written if standard error is no
 * terminal, or one that is in use by somebody else, as when the program is in the background.
 * During a wait nothing else may be printed but notes.
 */

#include "base/observer.h"

#include <stddef.h>

extern const Observer terminal_observer;

/* The current object is number NUMBER of COUNT. Pass 0 and 0 if there is only one. */
void progress_count(size_t number, size_t count);
