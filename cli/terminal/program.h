/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Other programs, with secrets in pipes alone. A program is COMMAND, which ends with NULL and is
 * searched for in $PATH. Its errors go where ours go, and it may use the terminal. Output of one
 * that fails is lost: -ECANCELED.
 */

#include "base/outcome.h"
#include "secret/secret.h"

/* A file without a name that contains CONTENT, to be read from its beginning. Programs that are
 * started get it, too, if they are to INHERIT it. */
int program_file(BytesView content, bool inherit, Reason *reason, int *ret_fd);

/* Runs COMMAND, whose input and output are ours. */
int program_run(const char *const *command, Reason *reason);

/* Runs COMMAND, whose standard input is INPUT, which is no secret: a file, which cannot end early,
 * as a pipe could. Its output, at most LIMIT bytes, goes through a pipe into RET.
 * OUTCOME_TOO_LARGE. */
int program_read(const char *const *command, BytesView input, size_t limit, Reason *reason,
                 Secret **ret);

/* The same with output that is no secret. */
int program_print(const char *const *command, BytesView input, size_t limit, Reason *reason,
                  Bytes *ret);

/* Runs COMMAND, whose standard input is SECRET, through a pipe. RET is its output, at most LIMIT
 * bytes, which is no secret. OUTCOME_TOO_LARGE. */
int program_encrypt(const char *const *command, const Secret *secret, size_t limit, Reason *reason,
                    Bytes *ret);
