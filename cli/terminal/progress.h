/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Says on a terminal what is waited for, if it takes longer than a second:
 *
 *     Waiting for the TPM to unseal a key for web@db-password (3 of 24) ...
 *
 * It is one line on standard error, taken away when the wait is over, and nothing at all where that
 * is no terminal, or one that is in use by somebody else, as when the program is in the background.
 *
 * The line is written by a thread that lives for one wait. It takes no signals, so that whoever
 * waits is interrupted by nothing that would not have interrupted it anyway, and outside of a wait
 * the program has one thread, and forks as such.
 *
 * Between progress_begin() and progress_end() nothing else may be printed.
 */

#include <stddef.h>

/* What is worked on from now on, such as "web@db-password": copied. NULL: nothing special. Nothing
 * secret. */
void progress_about(const char *text);

/* That it is the so-manieth of COUNT. 0 of 0: that there is but one. */
void progress_count(size_t number, size_t count);

/* Begins a wait for the TPM to do ACT ("unseal a key") for what is worked on. */
void progress_begin_tpm(const char *act);

/* Begins a wait for WHAT ("the broker"). */
void progress_begin(const char *what);

/* Ends the wait. */
void progress_end(void);
