/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * External files: files outside the store that a policy names.
 *
 * The path comes from the administrator, so symbolic links are followed. The file itself is checked
 * like one in the store, except that it may have several hard links, because the Nix store links
 * identical files.
 */

#include "base/outcome.h"
#include "secret/secret.h"

#include <sys/types.h>

/* Reads a sealed file, in base64 or raw. Returns 0, OUTCOME_FILE_MISSING, OUTCOME_FILE_UNSAFE
 * unless it is a regular file that not everybody may write to, OUTCOME_TOO_LARGE, or a negative
 * errno. */
int external_file_read_sealed(const char *path, Reason *reason, Bytes *ret);

/* Reads a plaintext file. Returns 0, OUTCOME_FILE_MISSING, OUTCOME_FILE_UNSAFE unless it is a
 * regular file of OWNER that its group may at most read and others may not use at all,
 * OUTCOME_EMPTY, OUTCOME_TOO_LARGE, or a negative errno. */
int external_file_read_plain(const char *path, uid_t owner, Reason *reason, Secret **ret);

/* Returns what the other would return, as far as can be seen without reading it. */
int external_file_check_plain(const char *path, uid_t owner, Reason *reason);
