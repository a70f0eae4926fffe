/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One-pass ECDH on P-256, between a fresh key and a given public key (NIST SP 800-56A, 6.2.2).
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

#define ECDH_COORDINATE_BYTES ((size_t)32)

/* Affine coordinates, big-endian with leading zeros. */
typedef struct EcdhPoint {
    uint8_t x[ECDH_COORDINATE_BYTES], y[ECDH_COORDINATE_BYTES];
} EcdhPoint;

/* Checks that POINT is on the curve and in its canonical form. OUTCOME_MALFORMED if not; -EIO if
 * libcrypto fails; -ENOMEM. */
int ecdh_check(const EcdhPoint *point);

/* Makes a fresh key from CONTEXT's randomness. Returns its public point, and the x coordinate of
 * the point that it shares with PEER. OUTCOME_MALFORMED, -EIO, -ENOMEM as above. */
int ecdh_agree(const Context *context, const EcdhPoint *peer, EcdhPoint *ret_ephemeral,
               SecretTemporary *ret_shared);
