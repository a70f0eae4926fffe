/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Small keys of this host in files of their own, which root makes and the broker's group may read.
 */

#include "base/context.h"
#include "secret/secret.h"

#include <sys/types.h>

/* Reads PATH, which must have SIZE bytes and be no link. Returns 0, -ENOENT, OUTCOME_MALFORMED, or
 * another negative errno. */
int key_file_read(const char *path, size_t size, Reason *reason, Secret **ret);

/* Makes PATH with 32 random bytes, mode 0640 and GROUP, unless another process is first. No
 * symbolic link may lead to its directory. */
#define KEY_FILE_BYTES ((size_t)32)
int key_file_make(const Context *context, const char *path, gid_t group, Reason *reason);
