/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SHA-256 as text, by which one speaks of a file or a sealed key without showing it. Not for
 * secrets: a digest of one can be guessed at.
 */

#include "base/bytes.h"

#define DIGEST_TEXT_BYTES ((size_t)65)

/* 64 lower-case hexadecimal digits, as sha256sum(1) prints them. */
void digest_format(BytesView content, char text[DIGEST_TEXT_BYTES]);
