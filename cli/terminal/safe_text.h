/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a terminal shows and does nothing else with: valid UTF-8 (RFC 3629) without control
 * characters, those of one byte and those beyond ASCII (C1, U+0080 to U+009F). A terminal may take
 * a lone byte 0x80 to 0x9f for one of the latter, so that what is no UTF-8 is not shown either.
 */

#include "base/bytes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* Whether TEXT is nothing else; lines and tabs are allowed. */
bool safe_text_is(BytesView text);

/* Writes the JSON text to FILE, with what json-c does not escape as \u00XX: DEL and C1. Bytes that
 * are no UTF-8 become U+FFFD. The value is the same for every reader of JSON. */
void safe_text_put_json(const char *json, FILE *file);

/* Has "?" stand for each byte of TEXT that is anything else, lines and tabs too. */
void safe_text_clean(char *text);

/* Formats text, and cleans it. Ends the program if there is no memory. */
char *safe_text_format(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
