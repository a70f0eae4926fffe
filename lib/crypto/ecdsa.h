/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Checks ECDSA signatures on P-256 with SHA-256 (FIPS 186-5), with libcrypto.
 */

#include "crypto/ecdh.h"

/* Whether R and S, big-endian, are a signature of MESSAGE by the key POINT. OUTCOME_NOT_SIGNED,
 * also for a point that is not on the curve, or numbers that are too long; -EIO, -ENOMEM. */
int ecdsa_verify(const EcdhPoint *point, BytesView r, BytesView s, BytesView message);
