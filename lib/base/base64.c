/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/base64.h"

#include "base/outcome.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int base64_decode(BytesView text, Bytes *ret)
{
    _cleanup_(bytes_done) Bytes binary = {0};
    size_t capacity = text.size / 4 * 3 + 3;

    binary.data = malloc(capacity);
    if (!binary.data)
        return -ENOMEM;
    if (sodium_base642bin(binary.data, capacity, (const char *)text.data, text.size, " \t\r\n",
                          &binary.size, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
        return OUTCOME_MALFORMED;
    *ret = TAKE(binary);
    return 0;
}

int base64_encode(BytesView binary, size_t line, Bytes *ret)
{
    size_t capacity = sodium_base64_ENCODED_LEN(binary.size, sodium_base64_VARIANT_ORIGINAL);
    size_t length = capacity - 1; /* without the NUL */
    size_t step = line ? line : length;
    _cleanup_(freep) char *text = malloc(capacity);
    _cleanup_(writer_done) Writer writer = {0};

    if (!text)
        return -ENOMEM;
    sodium_bin2base64(text, capacity, binary.data, binary.size, sodium_base64_VARIANT_ORIGINAL);
    for (size_t offset = 0; offset < length; offset += step) {
        size_t size = length - offset < step ? length - offset : step;

        writer_bytes(&writer, (BytesView){(const uint8_t *)text + offset, size});
        if (line)
            writer_bytes(&writer, (BytesView){(const uint8_t *)"\n", 1});
    }
    return writer_take(&writer, ret);
}

bool hex_decode(BytesView text, uint8_t *ret, size_t size)
{
    size_t decoded;

    return text.size == 2 * size &&
           sodium_hex2bin(ret, size, (const char *)text.data, text.size, NULL, &decoded, NULL) ==
               0 &&
           decoded == size;
}

bool hex_parse(const char *text, uint8_t *ret, size_t size)
{
    return strspn(text, "0123456789abcdef") == strlen(text) &&
           hex_decode(text_view(text), ret, size);
}

void digest_format(BytesView content, char text[DIGEST_TEXT_BYTES])
{
    uint8_t digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, content.data, content.size);
    sodium_bin2hex(text, DIGEST_TEXT_BYTES, digest, sizeof(digest));
}
