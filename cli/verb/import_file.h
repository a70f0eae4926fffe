/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file that import reads: its format, which its content and its name tell, and its values.
 */

#include "base/value_file.h"
#include "options.h"
#include "secret/secret.h"

/* By ImportFormat, as --from= takes them. */
extern const char *const import_format_words[];

typedef struct ImportFile {
    ImportFormat format; /* never IMPORT_AUTO */
    Secret *text;
    ValueFile reader;
} ImportFile;

void import_file_done(ImportFile *file); /* for _cleanup_ */

/* Reads PATH, "-" for standard input, as --from= says. OUTCOME_TOO_LARGE; OUTCOME_USAGE. */
int import_file_read(const Options *options, const char *path, Reason *reason, ImportFile *ret);

/* The next value, which borrows from FILE. At the end .name is NULL. OUTCOME_USAGE. */
int import_file_next(ImportFile *file, Reason *reason, ValueEntry *ret);
