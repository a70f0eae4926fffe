/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Base64 of secrets. See secret_base64.h.
 */

#include "secret/secret_base64.h"

#include <sodium.h>

int secret_to_base64(BytesView bytes, Reason *reason, Secret **ret)
{
    size_t size = sodium_base64_ENCODED_LEN(bytes.size, sodium_base64_VARIANT_ORIGINAL);
    int r = secret_new(size, reason, ret);

    if (r != 0)
        return r;
    sodium_bin2base64((char *)secret_borrow(*ret), size, bytes.data, bytes.size,
                      sodium_base64_VARIANT_ORIGINAL);
    secret_truncate(*ret, size - 1);
    return 0;
}

int secret_from_base64(BytesView text, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *bytes = NULL;
    size_t size;
    int r = secret_new(text.size / 4 * 3 + 3, reason, &bytes);

    if (r != 0)
        return r;
    if (sodium_base642bin(secret_borrow(bytes), secret_size(bytes), (const char *)text.data,
                          text.size, "\r\n", &size, NULL, sodium_base64_VARIANT_ORIGINAL) < 0)
        return reason_set(reason, OUTCOME_MALFORMED, "this is not base64");
    secret_truncate(bytes, size);
    *ret = TAKE_PTR(bytes);
    return 0;
}
