/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * RSA public keys in PEM, whose private halves sign PCR policies. The PEM text comes from a file or
 * from an unauthenticated header. libcrypto parses it, and this module checks the result.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Sizes of a modulus that a TPM may support, bytes. */
#define RSA_MODULUS_MIN_BYTES ((size_t)128)
#define RSA_MODULUS_MAX_BYTES ((size_t)512)
/* Size of a fingerprint, a SHA-256 digest. */
#define RSA_FINGERPRINT_BYTES ((size_t)32)

typedef struct RsaPublicKey {
    uint8_t modulus[RSA_MODULUS_MAX_BYTES]; /* big-endian, its highest bit set */
    size_t modulus_size;
    uint32_t exponent;
    uint8_t fingerprint[RSA_FINGERPRINT_BYTES]; /* of the key as PKCS#1 DER */
} RsaPublicKey;

/* OUTCOME_MALFORMED if PEM does not contain an RSA public key of a supported size. */
int rsa_public_key_parse(BytesView pem, Reason *reason, RsaPublicKey *ret);
