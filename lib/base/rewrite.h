/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads a file, and later replaces it with an edited version, unless it has changed in the
 * meantime. Links are not followed. A file with two names is refused, because the other name would
 * keep the old content.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Reads the file PATH, at most LIMIT bytes. OUTCOME_USAGE if it is not a regular file with one
 * name; OUTCOME_TOO_LARGE. */
int rewrite_read(const char *path, size_t limit, Reason *reason, Bytes *ret);

/* Replaces BEFORE by AFTER, atomically and durably, and keeps owner, group and mode.
 * OUTCOME_CHANGED if the file is not BEFORE any more. Takes the directory's lock (dirlock.h):
 * OUTCOME_TIMEOUT. */
int rewrite_write(const char *path, BytesView before, BytesView after, Reason *reason);
