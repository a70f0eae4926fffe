/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A directory of files that are written together, all or none.
 */

#include "base/bytes.h"
#include "base/fsutil.h"
#include "base/outcome.h"

typedef struct FileSetEntry {
    char name[256]; /* without a slash */
    Bytes content;
} FileSetEntry;

/* Makes the directory PATH, mode 0755, with COUNT files of MODE in it. It appears at once: one that
 * is there already is exchanged in one step, and then may only hold files that are written anew:
 * OUTCOME_USAGE if it has others, which would be lost. */
int file_set_write(const char *path, const FileSetEntry *entries, size_t count, mode_t mode,
                   Reason *reason);
