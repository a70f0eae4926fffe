/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The TPM's cryptography for objects that come from outside, with SHA-256. TCG TPM 2.0 Library,
 * Part 1.
 *
 * KDFa derives from a key, KDFe from the shared point of ECDH (11.4.10.2 and 11.4.10.3): the
 * counter mode of NIST SP 800-108 and the concatenation KDF of SP 800-56A. Only one round is
 * implemented, so that results are at most one digest long.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "secret/secret.h"

/* HMAC(KEY, 1 ‖ LABEL ‖ 0 ‖ CONTEXT ‖ BITS), truncated to BITS (a multiple of 8, at most 256). The
 * remaining bytes of RET are zeroed. */
void tcg_kdfa(const SecretTemporary *key, const char *label, BytesView context, unsigned bits,
              SecretTemporary *ret);

/* SHA256(1 ‖ Z ‖ LABEL ‖ 0 ‖ U ‖ V). Z is the x coordinate of the shared point; U and V are those
 * of the initiator's and the responder's public points. All have 32 bytes. */
void tcg_kdfe(const SecretTemporary *z, const char *label, const uint8_t u[32], const uint8_t v[32],
              SecretTemporary *ret);

/* AES-128-CFB with a zero IV: encrypts TEXT to RET, which must have the same size. Each key is used
 * once. It does not authenticate; callers add an HMAC. -EIO if libcrypto fails. */
#define CFB_KEY_BYTES ((size_t)16)
int cfb_encrypt(const uint8_t key[CFB_KEY_BYTES], BytesView text, uint8_t *ret);

/* RSA-OAEP (RFC 8017, 7.1): encrypts TEXT, with LABEL, to the key of MODULUS (big-endian) and
 * EXPONENT. The result is as long as MODULUS, at most OAEP_MODULUS_MAX_BYTES. The padding uses
 * libcrypto's own randomness and not a Context's, because libcrypto has no interface for that.
 * OUTCOME_MALFORMED if libcrypto does not accept the modulus; -EIO, -ENOMEM. */
#define OAEP_MODULUS_MAX_BYTES ((size_t)512)
int oaep_encrypt(BytesView modulus, uint32_t exponent, BytesView label, BytesView text, Bytes *ret);
