/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * P-256 and P-384 with libcrypto. See ecdh.h.
 *
 * This uses EC_POINT and not EVP_PKEY, because the randomness must come from the Context and EVP
 * only uses its own. The only operation is the multiplication of one point by one number, which
 * takes the same time for every number in all of libcrypto's implementations. Each curve is made
 * once, because that costs as much as a multiplication.
 *
 * Both curves have a prime number of points, so there are no small subgroups.
 */

#include "crypto/ecdh.h"

#include <errno.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

DEFINE_CLEANUP(EC_POINT *, EC_POINT_clear_free);
DEFINE_CLEANUP(BIGNUM *, BN_clear_free);

/* How many numbers are drawn for a private key. The orders are so near 2^256 and 2^384 that even a
 * second one is only needed if the source of randomness is broken. */
#define DRAWS_MAX 64

static const struct {
    int nid;
    size_t coordinate_bytes; /* and those of a number below the order */
} curves[_ECDH_CURVE_MAX] = {
    [ECDH_P256] = {NID_X9_62_prime256v1, ECDH_P256_BYTES},
    [ECDH_P384] = {NID_secp384r1, 48},
};

static EC_GROUP *groups[_ECDH_CURVE_MAX]; /* NULL until they are used */

size_t ecdh_coordinate_bytes(EcdhCurve curve)
{
    return curves[curve].coordinate_bytes;
}

void ecdh_shared_done(EcdhShared *shared)
{
    secret_erase(shared, sizeof(*shared));
}

/* The objects of one operation. */
typedef struct Work {
    const EC_GROUP *group;
    size_t bytes; /* of a coordinate */
    BN_CTX *scratch;
} Work;

static void work_done(Work *work)
{
    BN_CTX_free(work->scratch);
}

/* -EIO if libcrypto does not have the curve. */
static int begin(EcdhCurve curve, Work *ret)
{
    if (!groups[curve])
        groups[curve] = EC_GROUP_new_by_curve_name(curves[curve].nid);
    if (!groups[curve])
        return -EIO;
    *ret = (Work){groups[curve], curves[curve].coordinate_bytes, BN_CTX_new()};
    return ret->scratch ? 0 : -ENOMEM;
}

/* --- points --- */

static int read_point(const Work *work, const EcdhPoint *bytes, EC_POINT **ret)
{
    const BIGNUM *field = EC_GROUP_get0_field(work->group);
    _cleanup_(BN_clear_freep) BIGNUM *x = BN_bin2bn(bytes->x, (int)work->bytes, NULL);
    _cleanup_(BN_clear_freep) BIGNUM *y = BN_bin2bn(bytes->y, (int)work->bytes, NULL);
    _cleanup_(EC_POINT_clear_freep) EC_POINT *point = EC_POINT_new(work->group);

    if (!x || !y || !point)
        return -ENOMEM;
    /* libcrypto would reduce a coordinate, which would allow two encodings of one point. */
    if (BN_cmp(x, field) >= 0 || BN_cmp(y, field) >= 0)
        return OUTCOME_MALFORMED;
    if (EC_POINT_set_affine_coordinates(work->group, point, x, y, work->scratch) != 1 ||
        EC_POINT_is_on_curve(work->group, point, work->scratch) != 1)
        return OUTCOME_MALFORMED;
    *ret = TAKE_PTR(point);
    return 0;
}

/* Y may be NULL. Also false for the point at infinity. */
static bool write_point(const Work *work, const EC_POINT *point, uint8_t *x_bytes, uint8_t *y_bytes)
{
    _cleanup_(BN_clear_freep) BIGNUM *x = BN_new();
    _cleanup_(BN_clear_freep) BIGNUM *y = BN_new();

    return x && y &&
           EC_POINT_get_affine_coordinates(work->group, point, x, y, work->scratch) == 1 &&
           BN_bn2binpad(x, x_bytes, (int)work->bytes) >= 0 &&
           (!y_bytes || BN_bn2binpad(y, y_bytes, (int)work->bytes) >= 0);
}

/* --- keys --- */

/* Draws a uniform number from 1 to the order minus 1 (FIPS 186-5, A.2.2). */
static int draw_key(const Work *work, const Context *context, BIGNUM **ret)
{
    const BIGNUM *order = EC_GROUP_get0_order(work->group);
    _cleanup_(ecdh_shared_done) EcdhShared bytes;
    _cleanup_(BN_clear_freep) BIGNUM *key = BN_new();

    if (!key)
        return -ENOMEM;
    BN_set_flags(key, BN_FLG_CONSTTIME);
    for (int draw = 0; draw < DRAWS_MAX; draw++) {
        context->random(context, bytes.x, work->bytes);
        if (!BN_bin2bn(bytes.x, (int)work->bytes, key))
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
    _cleanup_(work_done) Work work = {0};
    _cleanup_(EC_POINT_clear_freep) EC_POINT *read = NULL;
    int r = begin(point->curve, &work);

    return r == 0 ? read_point(&work, point, &read) : r;
}

int ecdh_agree(const Context *context, const EcdhPoint *peer, EcdhPoint *ret_ephemeral,
               EcdhShared *ret_shared)
{
    _cleanup_(work_done) Work work = {0};
    _cleanup_(EC_POINT_clear_freep) EC_POINT *other = NULL, *product = NULL;
    _cleanup_(BN_clear_freep) BIGNUM *key = NULL;
    _cleanup_(ecdh_shared_done) EcdhShared shared = {0};
    EcdhPoint ephemeral = {.curve = peer->curve};
    int r;

    r = begin(peer->curve, &work);
    if (r == 0)
        r = read_point(&work, peer, &other);
    if (r == 0)
        r = draw_key(&work, context, &key);
    if (r != 0)
        return r;
    product = EC_POINT_new(work.group);
    if (!product)
        return -ENOMEM;
    if (EC_POINT_mul(work.group, product, key, NULL, NULL, work.scratch) != 1 ||
        !write_point(&work, product, ephemeral.x, ephemeral.y) ||
        EC_POINT_mul(work.group, product, NULL, other, key, work.scratch) != 1 ||
        !write_point(&work, product, shared.x, NULL))
        return -EIO;
    *ret_ephemeral = ephemeral;
    *ret_shared = shared;
    return 0;
}
