/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * An administrator's own files, in ~/.config/nspawn-creds ($XDG_CONFIG_HOME).
 */

#include "base/context.h"
#include "base/outcome.h"

#include <limits.h>

/* Writes the path of the file NAME, such as "fleet/prod.json". OUTCOME_USAGE without $HOME. */
int own_file_path(const char *name, Reason *reason, char path[PATH_MAX]);

/* Makes the directories above PATH, for this user alone. */
int own_file_make_parents(char *path, Reason *reason);

/* Whether a file can be made as PATH that nobody else can replace: its directory has to be there.
 * OUTCOME_FILE_UNSAFE. */
int own_file_check_parents(const Context *context, const char *path, Reason *reason);

/* Opens a file that only this user or root can have written. OUTCOME_NOT_FOUND;
 * OUTCOME_FILE_UNSAFE. */
int own_file_open(const Context *context, const char *path, Reason *reason, int *ret_fd);
