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
#include <stdint.h>

extern const Observer terminal_observer;

/* Shows how many of TOTAL are DONE since BEGIN (monotonic_usec()), the rate and the time left:
 *
 *     4200 of 10000 hosts sealed, 812 a second, 8 s left ...
 *
 * at most once a second, and nothing if they are all done within one. The rate is left out while it
 * is less than one a second, and the time left while nothing is done. progress_end() takes the line
 * away. */
void progress_rate(const char *what, size_t done, size_t total, uint64_t begin);
void progress_end(void);

/* The current object is number NUMBER of COUNT. Pass 0 and 0 if there is only one. */
void progress_count(size_t number, size_t count);
