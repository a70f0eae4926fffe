/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One-pass ECDH on P-256 or P-384, between a fresh key and a given public key (NIST SP 800-56A,
 * 6.2.2).
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

typedef enum EcdhCurve { ECDH_P256, ECDH_P384, _ECDH_CURVE_MAX } EcdhCurve;

/* The size of a coordinate on P-256, and on the largest curve. */
#define ECDH_P256_BYTES           ((size_t)32)
#define ECDH_COORDINATE_BYTES_MAX ((size_t)48)

/* The size of a coordinate on CURVE. */
size_t ecdh_coordinate_bytes(EcdhCurve curve);

/* Affine coordinates, big-endian with leading zeros: the first ecdh_coordinate_bytes() of x and y.
 */
typedef struct EcdhPoint {
    EcdhCurve curve;
    uint8_t x[ECDH_COORDINATE_BYTES_MAX], y[ECDH_COORDINATE_BYTES_MAX];
} EcdhPoint;

/* The x coordinate of a shared point. Wiped by ecdh_shared_done(), for _cleanup_. */
typedef struct EcdhShared {
    uint8_t x[ECDH_COORDINATE_BYTES_MAX];
} EcdhShared;

void ecdh_shared_done(EcdhShared *shared);

/* Checks that POINT is on its curve and in its canonical form. OUTCOME_MALFORMED if not; -EIO if
 * libcrypto fails; -ENOMEM. */
int ecdh_check(const EcdhPoint *point);

/* Makes a fresh key from CONTEXT's randomness. Returns its public point, and the x coordinate of
 * the point that it shares with PEER. OUTCOME_MALFORMED, -EIO, -ENOMEM as above. */
int ecdh_agree(const Context *context, const EcdhPoint *peer, EcdhPoint *ret_ephemeral,
               EcdhShared *ret_shared);
