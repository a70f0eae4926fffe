/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One-pass ECDH on P-256: a fresh key on our side, a public one on the other (NIST SP 800-56A,
 * 6.2.2).
 */

#include "base/bytes.h"
#include "base/context.h"
#include "base/outcome.h"
#include "secret/secret.h"

#define ECDH_COORDINATE_BYTES ((size_t)32)

/* Affine, each coordinate big-endian and padded with zeros in front. */
typedef struct EcdhPoint {
    uint8_t x[ECDH_COORDINATE_BYTES], y[ECDH_COORDINATE_BYTES];
} EcdhPoint;

/* 0 if POINT is on the curve and written in the one way that it can be; OUTCOME_MALFORMED if not;
 * -EIO if libcrypto fails, -ENOMEM. */
int ecdh_check(const EcdhPoint *point);

/* Makes a fresh key from CONTEXT's randomness and returns its public point, and the x coordinate of
 * the point that it shares with PEER. OUTCOME_MALFORMED, -EIO, -ENOMEM as above. */
int ecdh_agree(const Context *context, const EcdhPoint *peer, EcdhPoint *ret_ephemeral,
               SecretTemporary *ret_shared);
