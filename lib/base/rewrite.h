/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A file that is read, and replaced later by what was made of it, unless it has changed meanwhile.
 * A link is not followed, and a file with two names is left alone: the other one would keep the old
 * content.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Reads the file PATH, at most LIMIT bytes. OUTCOME_USAGE if it is not a regular file with one
 * name; OUTCOME_TOO_LARGE. */
int rewrite_read(const char *path, size_t limit, Reason *reason, Bytes *ret);

/* Puts AFTER in its place, atomically and durably, with the old one's owner, group and mode.
 * OUTCOME_CHANGED if it is not BEFORE any more. Holds the directory's lock (dirlock.h):
 * OUTCOME_TIMEOUT. */
int rewrite_write(const char *path, BytesView before, BytesView after, Reason *reason);
