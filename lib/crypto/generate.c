/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/generate.h"

#include "base/base64.h"
#include "crypto/ssh_key.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define UUID_TEXT    "00000000-0000-4000-8000-000000000000"
#define X25519_BYTES ((size_t)crypto_scalarmult_SCALARBYTES)

/* --- text --- */

/* Bytes in hexadecimal or base64. */
static int make_encoded(const Context *context, const Recipe *recipe, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *bytes = NULL;
    size_t size = recipe->length;
    int r = secret_new_random(context, size, reason, &bytes);

    if (r == 0 && recipe->type == RECIPE_BASE64)
        return secret_to_base64(secret_view(bytes), reason, ret);
    if (r == 0)
        r = secret_new(2 * size + 1, reason, ret);
    if (r != 0)
        return r;
    sodium_bin2hex((char *)secret_borrow(*ret), 2 * size + 1, secret_view(bytes).data, size);
    secret_truncate(*ret, 2 * size);
    return 0;
}

/* Draws bytes beyond the last whole multiple of the alphabet's size again, so that all characters
 * are equally likely. */
static int make_password(const Context *context, const Recipe *recipe, Reason *reason, Secret **ret)
{
    _cleanup_(secret_temporary_done) SecretTemporary drawn;
    size_t count = strlen(recipe->alphabet), fair = 256 - 256 % count, next = sizeof(drawn.bytes);
    int r = secret_new(recipe->length, reason, ret);

    if (r != 0)
        return r;
    for (size_t i = 0; i < recipe->length; next++) {
        if (next == sizeof(drawn.bytes)) {
            context->random(context, drawn.bytes, sizeof(drawn.bytes));
            next = 0;
        }
        if (drawn.bytes[next] < fair)
            secret_borrow(*ret)[i++] = (uint8_t)recipe->alphabet[drawn.bytes[next] % count];
    }
    return 0;
}

static int make_uuid(const Context *context, Reason *reason, Secret **ret)
{
    static const char digits[] = "0123456789abcdef", form[] = UUID_TEXT;
    _cleanup_(secret_freep) Secret *bytes = NULL;
    uint8_t *text;
    const uint8_t *from;
    int r = secret_new_random(context, sizeof(form) - 1, reason, &bytes);

    if (r == 0)
        r = secret_new(sizeof(form) - 1, reason, ret);
    if (r != 0)
        return r;
    text = secret_borrow(*ret);
    from = secret_view(bytes).data;
    for (size_t i = 0; i < sizeof(form) - 1; i++) {
        if (form[i] == '0')
            text[i] = (uint8_t)digits[from[i] & 0xf];
        else if (form[i] == '8') /* the variant, in two of the four bits */
            text[i] = (uint8_t)digits[8 | (from[i] & 3)];
        else
            text[i] = (uint8_t)form[i];
    }
    return 0;
}

/* --- x25519 --- */

static int make_x25519(const Context *context, Reason *reason, Secret **ret)
{
    _cleanup_(secret_temporary_done) SecretTemporary key;

    _Static_assert(sizeof(key.bytes) == X25519_BYTES, "it fits");
    context->random(context, key.bytes, X25519_BYTES);
    key.bytes[0] &= 248;
    key.bytes[31] = (uint8_t)((key.bytes[31] & 127) | 64);
    return secret_to_base64((BytesView){key.bytes, X25519_BYTES}, reason, ret);
}

static int public_x25519(const Secret *secret, Reason *reason, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *key = NULL;
    uint8_t public[crypto_scalarmult_BYTES];
    int r = secret_from_base64(secret_view(secret), reason, &key);

    if (r != 0)
        return r;
    if (secret_size(key) != X25519_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "it has %zu bytes, not %zu", secret_size(key),
                          X25519_BYTES);
    crypto_scalarmult_base(public, secret_view(key).data);
    /* one line, with its end */
    return base64_encode((BytesView){public, sizeof(public)}, 2 * sizeof(public), ret);
}

/* --- all --- */

int generate_secret(const Context *context, const Recipe *recipe, const char *comment,
                    Reason *reason, Secret **ret)
{
    switch (recipe->type) {
    case RECIPE_PASSWORD:
        return make_password(context, recipe, reason, ret);
    case RECIPE_HEX:
    case RECIPE_BASE64:
        return make_encoded(context, recipe, reason, ret);
    case RECIPE_UUID:
        return make_uuid(context, reason, ret);
    case RECIPE_SSH_ED25519:
        return ssh_key_new(context, comment, reason, ret);
    default:
        return make_x25519(context, reason, ret);
    }
}

int generate_public(const Recipe *recipe, const Secret *secret, const char *comment, Reason *reason,
                    Bytes *ret)
{
    assert(recipe_types[recipe->type].pair);
    return recipe->type == RECIPE_SSH_ED25519 ? ssh_key_public(secret, comment, reason, ret)
                                              : public_x25519(secret, reason, ret);
}
