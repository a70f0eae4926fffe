/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Another program's output.
 */

#include "base/outcome.h"
#include "secret/secret.h"

/* Runs COMMAND, which ends with NULL and is searched for in $PATH. Its output, at most LIMIT bytes,
 * goes through a pipe into RET; its errors go where ours go. OUTCOME_TOO_LARGE; -ECANCELED
 * if it fails. */
int program_read(const char *const *command, size_t limit, Reason *reason, Secret **ret);
