/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The administrator's policies as files, for verbs that write them, or take all of them.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Where the administrator's policies and nspawn-creds.conf are. */
#define POLICY_FOLDER "/etc/nspawn-creds"

/* Lists the files of MACHINE's policy that are there, or for NULL those of all. RET ends with NULL.
 * Returns 0 or a negative errno. */
int policy_files_list(const char *machine, Reason *reason, char ***ret);

/* Writes a new file PATH there, and its directory if it is missing. -EEXIST. */
int policy_files_add(const char *path, BytesView content, Reason *reason);
