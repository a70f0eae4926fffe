/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files outside the store that a policy names by their path.
 *
 * The path is the administrator's word, links on it are followed. What is at its end is looked at
 * as closely as an entry of the store, but for other names of it: the Nix store links files that
 * are the same.
 */

#include "base/outcome.h"
#include "secret/secret.h"

#include <sys/types.h>

/* A sealed file, in base64 or raw. OUTCOME_NOT_FOUND; OUTCOME_FILE_UNSAFE unless it is a regular
 * file that not everybody may write to; OUTCOME_TOO_LARGE. */
int external_file_read_sealed(const char *path, Reason *reason, Bytes *ret);

/* A plaintext file. OUTCOME_NOT_FOUND; OUTCOME_FILE_UNSAFE unless it is a regular file of OWNER's
 * that others than its owner and group may do nothing with; OUTCOME_EMPTY; OUTCOME_TOO_LARGE. */
int external_file_read_plain(const char *path, uid_t owner, Reason *reason, Secret **ret);
