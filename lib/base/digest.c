/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 as text. See digest.h.
 */

#include "base/digest.h"

#include <sodium.h>

void digest_format(BytesView content, char text[DIGEST_TEXT_BYTES])
{
    uint8_t digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, content.data, content.size);
    sodium_bin2hex(text, DIGEST_TEXT_BYTES, digest, sizeof(digest));
}
