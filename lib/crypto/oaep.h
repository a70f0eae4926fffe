/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * RSA encryption for TPMs: OAEP with SHA-256 throughout (RFC 8017, 7.1).
 *
 * The padding uses libcrypto's own randomness and not a Context's, because libcrypto has no
 * interface for that.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Encrypts TEXT, with LABEL, to the key of MODULUS (big-endian) and EXPONENT. The result is as long
 * as MODULUS. OUTCOME_MALFORMED if libcrypto does not accept the modulus; -EIO, -ENOMEM. */
int oaep_encrypt(BytesView modulus, uint32_t exponent, BytesView label, BytesView text, Bytes *ret);
