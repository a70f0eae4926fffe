/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * RSA public keys in PEM: those that sign PCR policies. The PEM text comes from a file or from a
 * header that is not authenticated; libcrypto takes it apart, and what it says is checked here.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* The sizes of a modulus, bytes: what a TPM may be able to verify with. */
#define RSA_MODULUS_MIN_BYTES ((size_t)128)
#define RSA_MODULUS_MAX_BYTES ((size_t)512)
/* Of a fingerprint: SHA-256. */
#define RSA_FINGERPRINT_BYTES ((size_t)32)

typedef struct RsaPublicKey {
    uint8_t modulus[RSA_MODULUS_MAX_BYTES]; /* big-endian, its highest bit set */
    size_t modulus_size;
    uint32_t exponent;
    uint8_t fingerprint[RSA_FINGERPRINT_BYTES]; /* of the key as PKCS#1 DER */
} RsaPublicKey;

/* OUTCOME_MALFORMED if PEM holds no RSA public key, or one of a size that is none. */
int rsa_public_key_parse(BytesView pem, Reason *reason, RsaPublicKey *ret);
