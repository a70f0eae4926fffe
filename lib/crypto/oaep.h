/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * RSA encryption as TPMs take it: OAEP with SHA-256 throughout (RFC 8017, 7.1).
 *
 * The randomness of the padding is libcrypto's own and not a Context's: it has no way to be told.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Encrypts TEXT to the key of MODULUS (big-endian) and EXPONENT, labelled with the bytes of LABEL.
 * As many bytes as MODULUS has. OUTCOME_MALFORMED if it is no modulus that libcrypto encrypts to;
 * -EIO, -ENOMEM. */
int oaep_encrypt(BytesView modulus, uint32_t exponent, BytesView label, BytesView text, Bytes *ret);
