/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opening a file that decides what a privileged program does.
 *
 * Such a file has to be one that only a trusted user could have put there. So the path is walked
 * one component at a time. Each directory, link and the file itself must belong to the trusted user
 * or root. None may be writable for group or others, except for directories with the sticky bit,
 * in which nobody can replace the entries of another. Links that pass are followed: NixOS and
 * others build /etc of them.
 */

#include "base/context.h"
#include "base/outcome.h"

/* Opens the regular file PATH, below the context's root, for reading. OUTCOME_NOT_FOUND if nothing
 * is there; OUTCOME_FILE_UNSAFE, with the reason, if somebody else may have changed it, or if it is
 * a link to nowhere, which is not the same as nothing. */
int trusted_file_open(const Context *context, const char *path, Reason *reason, int *ret_fd);

/* Whether nobody else can put a file into the directory PATH, below the context's root, or put
 * another directory in its place. OUTCOME_FILE_UNSAFE; a negative errno, such as -ENOENT. */
int trusted_directory_check(const Context *context, const char *path, Reason *reason);
