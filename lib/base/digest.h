/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SHA-256 as text, to refer to a file or a sealed key without showing it. Not for secrets: a digest
 * allows guesses to be checked.
 */

#include "base/bytes.h"

#define DIGEST_TEXT_BYTES ((size_t)65)

/* Writes 64 lower-case hexadecimal digits, like sha256sum(1). */
void digest_format(BytesView content, char text[DIGEST_TEXT_BYTES]);
