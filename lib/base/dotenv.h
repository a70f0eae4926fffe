/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reads dotenv files: lines of NAME=VALUE.
 *
 * No specification exists, and programs read such files differently. A wrong guess would store a
 * wrong password, so this accepts only what they agree on, and refuses the rest with its line:
 *
 *   - NAME is a letter or "_", then letters, digits and "_". "export " may stand before it.
 *   - 'VALUE' is literal, and may have several lines.
 *   - "VALUE" may have several lines; \n, \r, \t, \", \\, \$ and \` are escapes. A bare $ or `
 *     is refused.
 *   - VALUE without quotes has no blank, quote, "#", "\", "$", "`" or control character.
 *   - Empty lines, comment lines, and comments after a quoted value are skipped. Lines may end
 *     with CR LF.
 *
 * It works in the caller's buffer, so that no copy of a secret is left elsewhere. No error contains
 * anything of the text.
 */

#include "base/bytes.h"
#include "base/outcome.h"

typedef struct Dotenv {
    uint8_t *at, *end; /* the text, borrowed; it is changed */
    size_t line;       /* of .at; 1 at the start */
} Dotenv;

typedef struct DotenvEntry {
    const char *name; /* both borrow from the text */
    BytesView value;  /* without quotes and escapes; may be empty */
    size_t line;
} DotenvEntry;

/* Reads the next entry. At the end of the text .name is NULL. OUTCOME_USAGE. */
int dotenv_next(Dotenv *dotenv, Reason *reason, DotenvEntry *ret);
