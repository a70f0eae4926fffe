/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Writes a directory of files together: all or none.
 */

#include "base/bytes.h"
#include "base/fsutil.h"
#include "base/outcome.h"

typedef struct FileSetEntry {
    char name[256]; /* without a slash */
    Bytes content;
} FileSetEntry;

/* Creates the directory PATH, mode 0755, with COUNT files of MODE, in one step. An existing
 * directory is replaced in one step too, but may only hold files that are in the new set:
 * OUTCOME_USAGE if it holds others, which would be lost. */
int file_set_write(const char *path, const FileSetEntry *entries, size_t count, mode_t mode,
                   Reason *reason);
