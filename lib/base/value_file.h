/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads files of names and secret values: dotenv, JSON and YAML.
 *
 * Programs read such files differently. A wrong guess would store a wrong password, so this accepts
 * only what they agree on, and refuses the rest with its line or its name.
 *
 * It works in the caller's buffer, so that no copy of a secret is left elsewhere. Errors contain
 * names, but nothing of a value.
 */

#include "base/bytes.h"
#include "base/outcome.h"

typedef struct ValueFile {
    uint8_t *at, *end; /* the text, borrowed; it is changed */
    size_t line;       /* of .at; 1 at the start */
    bool begun;        /* false at the start */
} ValueFile;

typedef struct ValueEntry {
    const char *name; /* both borrow from the text */
    BytesView value;  /* without quotes and escapes, and without a NUL; may be empty */
    size_t line;
} ValueEntry;

/* Each reads the next entry. At the end of the text .name is NULL, and nothing more can be read.
 * OUTCOME_USAGE. */

/* Lines of NAME=VALUE, for which no specification exists:
 *
 *   - NAME is a letter or "_", then letters, digits and "_". "export " may stand before it.
 *   - 'VALUE' is literal, and may have several lines.
 *   - "VALUE" may have several lines; \n, \r, \t, \", \\, \$ and \` are escapes. A bare $ or `
 *     is refused.
 *   - VALUE without quotes has no blank, quote, "#", "\", "$", "`" or control character.
 *   - Empty lines, comment lines, and comments after a quoted value are skipped. Lines may end
 *     with CR LF.
 */
int value_file_next_dotenv(ValueFile *file, Reason *reason, ValueEntry *ret);

/* A JSON object (RFC 8259) whose members are strings. That it is UTF-8 is for the caller to check.
 */
int value_file_next_json(ValueFile *file, Reason *reason, ValueEntry *ret);

/* A YAML mapping in block style, of which a part suffices:
 *
 *   - NAME: VALUE on a line that is not indented. NAME consists of letters, digits and _.-/, and
 *     begins with a letter or "_", or it is quoted.
 *   - "VALUE" has JSON's escapes, and 'VALUE' has '' for '. Both are on one line.
 *   - | and |- begin a text of indented lines.
 *   - VALUE without quotes cannot be taken for a number, a date, a boolean, or YAML's syntax.
 *   - Empty lines, comments, and "---" on the first line are skipped.
 *
 * That it is UTF-8 is for the caller to check.
 */
int value_file_next_yaml(ValueFile *file, Reason *reason, ValueEntry *ret);
