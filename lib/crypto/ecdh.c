/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * P-256 with libcrypto. See ecdh.h.
 *
 * This uses EC_POINT and not EVP_PKEY, because the randomness must come from the Context and EVP
 * only uses its own. The only operation is the multiplication of one point by one number, which
 * takes the same time for every number in all of libcrypto's implementations. The curve is made
 * once, because that costs as much as a multiplication.
 *
 * P-256 has a prime number of points, so there are no small subgroups.
 */

#include "crypto/ecdh.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

DEFINE_CLEANUP(EC_POINT *, EC_POINT_clear_free);
DEFINE_CLEANUP(BIGNUM *, BN_clear_free);
DEFINE_CLEANUP(BN_CTX *, BN_CTX_free);

/* How many numbers are drawn for a private key. The order is so near 2^256 that even a second one
 * is only needed if the source of randomness is broken. */
#define DRAWS_MAX 64

static EC_GROUP *curve; /* NULL if libcrypto does not have it */

static int begin(BN_CTX **ret_scratch)
{
    if (!curve)
        curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    if (!curve)
        return -EIO;
    *ret_scratch = BN_CTX_new();
    return *ret_scratch ? 0 : -ENOMEM;
}

/* --- points --- */

static int read_point(const EcdhPoint *bytes, BN_CTX *scratch, EC_POINT **ret)
{
    const BIGNUM *field = EC_GROUP_get0_field(curve);
    _cleanup_(BN_clear_freep) BIGNUM *x = BN_bin2bn(bytes->x, sizeof(bytes->x), NULL);
    _cleanup_(BN_clear_freep) BIGNUM *y = BN_bin2bn(bytes->y, sizeof(bytes->y), NULL);
    _cleanup_(EC_POINT_clear_freep) EC_POINT *point = EC_POINT_new(curve);

    if (!x || !y || !point)
        return -ENOMEM;
    /* libcrypto would reduce a coordinate, which would allow two encodings of one point. */
    if (BN_cmp(x, field) >= 0 || BN_cmp(y, field) >= 0)
        return OUTCOME_MALFORMED;
    if (EC_POINT_set_affine_coordinates(curve, point, x, y, scratch) != 1 ||
        EC_POINT_is_on_curve(curve, point, scratch) != 1)
        return OUTCOME_MALFORMED;
    *ret = TAKE_PTR(point);
    return 0;
}

/* Y may be NULL. Also false for the point at infinity. */
static bool write_point(const EC_POINT *point, BN_CTX *scratch, uint8_t *x_bytes, uint8_t *y_bytes)
{
    _cleanup_(BN_clear_freep) BIGNUM *x = BN_new();
    _cleanup_(BN_clear_freep) BIGNUM *y = BN_new();

    return x && y && EC_POINT_get_affine_coordinates(curve, point, x, y, scratch) == 1 &&
           BN_bn2binpad(x, x_bytes, ECDH_COORDINATE_BYTES) >= 0 &&
           (!y_bytes || BN_bn2binpad(y, y_bytes, ECDH_COORDINATE_BYTES) >= 0);
}

/* --- keys --- */

/* Draws a uniform number from 1 to the order minus 1 (FIPS 186-5, A.2.2). */
static int draw_key(const Context *context, BIGNUM **ret)
{
    const BIGNUM *order = EC_GROUP_get0_order(curve);
    _cleanup_(secret_temporary_done) SecretTemporary bytes;
    _cleanup_(BN_clear_freep) BIGNUM *key = BN_new();

    if (!key)
        return -ENOMEM;
    BN_set_flags(key, BN_FLG_CONSTTIME);
    for (int draw = 0; draw < DRAWS_MAX; draw++) {
        context->random(context, bytes.bytes, sizeof(bytes.bytes));
        if (!BN_bin2bn(bytes.bytes, sizeof(bytes.bytes), key))
            return -ENOMEM;
        if (!BN_is_zero(key) && BN_cmp(key, order) < 0) {
            *ret = TAKE_PTR(key);
            return 0;
        }
    }
    return -EIO;
}

int ecdh_check(const EcdhPoint *point)
{
    _cleanup_(BN_CTX_freep) BN_CTX *scratch = NULL;
    _cleanup_(EC_POINT_clear_freep) EC_POINT *read = NULL;
    int r = begin(&scratch);

    return r == 0 ? read_point(point, scratch, &read) : r;
}

int ecdh_agree(const Context *context, const EcdhPoint *peer, EcdhPoint *ret_ephemeral,
               SecretTemporary *ret_shared)
{
    _cleanup_(BN_CTX_freep) BN_CTX *scratch = NULL;
    _cleanup_(EC_POINT_clear_freep) EC_POINT *other = NULL, *product = NULL;
    _cleanup_(BN_clear_freep) BIGNUM *key = NULL;
    _cleanup_(secret_temporary_done) SecretTemporary shared;
    EcdhPoint ephemeral;
    int r;

    r = begin(&scratch);
    if (r == 0)
        r = read_point(peer, scratch, &other);
    if (r == 0)
        r = draw_key(context, &key);
    if (r != 0)
        return r;
    product = EC_POINT_new(curve);
    if (!product)
        return -ENOMEM;
    if (EC_POINT_mul(curve, product, key, NULL, NULL, scratch) != 1 ||
        !write_point(product, scratch, ephemeral.x, ephemeral.y) ||
        EC_POINT_mul(curve, product, NULL, other, key, scratch) != 1 ||
        !write_point(product, scratch, shared.bytes, NULL))
        return -EIO;
    *ret_ephemeral = ephemeral;
    *ret_shared = shared;
    return 0;
}
