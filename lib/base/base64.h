/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Base64 for credential files (RFC 4648, with padding), and hexadecimal digits. Not for secrets:
 * nothing is wiped.
 */

#include "base/bytes.h"

/* Decodes, skipping white space. OUTCOME_MALFORMED; -ENOMEM. */
int base64_decode(BytesView text, Bytes *ret);

/* Encodes in lines of LINE characters, each with a newline; with LINE 0 in one piece without a
 * newline. -ENOMEM. */
int base64_encode(BytesView binary, size_t line, Bytes *ret);

/* Decodes the digits of exactly SIZE bytes; false if TEXT is anything else. */
bool hex_decode(BytesView text, uint8_t *ret, size_t size);
