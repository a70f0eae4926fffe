/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file that import reads: its format, which its content and its name tell, and its values.
 */

#include "base/value_file.h"
#include "credential/format.h"
#include "options.h"
#include "secret/secret.h"

#include <limits.h>

/* By ImportFormat, as --from= takes them. */
extern const char *const import_format_words[];

typedef struct ImportFile {
    ImportFormat format; /* never IMPORT_AUTO */
    Secret *text;        /* in clear */
    ValueFile reader;    /* of several values */
    bool is_one;         /* the text is one value, called .name, which is that of the file */
    char name[NAME_MAX + 1];
    CredentialMetadata metadata; /* IMPORT_SYSTEMD_CREDS */
} ImportFile;

void import_file_done(ImportFile *file); /* for _cleanup_ */

/* Reads PATH, "-" for standard input, as --from= says. Opens it if it is encrypted, with this
 * host's keys or with the program that it belongs to. .format and .text of RET are set even if that
 * fails. OUTCOME_TOO_LARGE; OUTCOME_USAGE; -ECANCELED if the program fails; and all of
 * unsealer_open(). */
int import_file_read(const Context *context, const Options *options, const char *path,
                     Reason *reason, ImportFile *ret);

/* The next value, which borrows from FILE. At the end .name is NULL. OUTCOME_USAGE. */
int import_file_next(ImportFile *file, Reason *reason, ValueEntry *ret);
