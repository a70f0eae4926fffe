/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bytes as text: base64 for credential files (RFC 4648, with padding), hexadecimal digits, and
 * SHA-256. Not for secrets: nothing is wiped, and a digest allows guesses to be checked.
 */

#include "base/bytes.h"

/* Decodes, skipping white space. OUTCOME_MALFORMED; -ENOMEM. */
int base64_decode(BytesView text, Bytes *ret);

/* Encodes in lines of LINE characters, each with a newline; with LINE 0 in one piece without a
 * newline. -ENOMEM. */
int base64_encode(BytesView binary, size_t line, Bytes *ret);

/* Decodes the digits of exactly SIZE bytes; false if TEXT is anything else. */
bool hex_decode(BytesView text, uint8_t *ret, size_t size);

/* The same for lower-case digits alone, up to the NUL. */
bool hex_parse(const char *text, uint8_t *ret, size_t size);

#define DIGEST_TEXT_BYTES ((size_t)65)

/* Writes the SHA-256 of CONTENT in 64 lower-case hexadecimal digits, like sha256sum(1). */
void digest_format(BytesView content, char text[DIGEST_TEXT_BYTES]);
