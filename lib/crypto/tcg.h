/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The TPM's cryptography for objects that come from outside, with SHA-256 or SHA-384. TCG TPM 2.0
 * Library, Part 1.
 *
 * KDFa derives from a key, KDFe from the shared point of ECDH (11.4.10.2 and 11.4.10.3): the
 * counter mode of NIST SP 800-108 and the concatenation KDF of SP 800-56A. Only one round is
 * implemented, so that results are at most one digest long.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "secret/secret.h"

typedef enum TcgHash { TCG_SHA256, TCG_SHA384, _TCG_HASH_MAX } TcgHash;

#define TCG_DIGEST_BYTES_MAX ((size_t)48)

/* The size of a digest. */
size_t tcg_digest_bytes(TcgHash hash);

/* A seed, or a key that was derived from one. Wiped by tcg_key_done(), for _cleanup_. */
typedef struct TcgKey {
    uint8_t bytes[TCG_DIGEST_BYTES_MAX];
    size_t size;
} TcgKey;

void tcg_key_done(TcgKey *key);
BytesView tcg_key_view(const TcgKey *key);

/* The most that the functions below hash, bytes. */
#define TCG_TEXT_BYTES_MAX ((size_t)256)

/* HMAC(KEY, TEXT ‖ MORE), of tcg_digest_bytes(). -EIO if libcrypto fails, as in all of these. */
int tcg_hmac(TcgHash hash, const TcgKey *key, BytesView text, BytesView more, uint8_t *ret);

/* HMAC(KEY, 1 ‖ LABEL ‖ 0 ‖ CONTEXT ‖ BITS), truncated to BITS: a multiple of 8, at most a digest.
 */
int tcg_kdfa(TcgHash hash, const TcgKey *key, const char *label, BytesView context, unsigned bits,
             TcgKey *ret);

/* HASH(1 ‖ Z ‖ LABEL ‖ 0 ‖ U ‖ V). Z is the x coordinate of the shared point; U and V are those
 * of the initiator's and the responder's public points. */
int tcg_kdfe(TcgHash hash, BytesView z, const char *label, BytesView u, BytesView v, TcgKey *ret);

/* AES-CFB with a zero IV and a KEY of 16 or 32 bytes: encrypts TEXT to RET, which must have the
 * same size. Each key is used once. It does not authenticate; callers add an HMAC. */
int cfb_encrypt(BytesView key, BytesView text, uint8_t *ret);

/* RSA-OAEP (RFC 8017, 7.1) with HASH: encrypts TEXT, with LABEL, to the key of MODULUS (big-endian)
 * and EXPONENT. The result is as long as MODULUS, at most OAEP_MODULUS_MAX_BYTES. The padding uses
 * libcrypto's own randomness and not a Context's, because libcrypto has no interface for that.
 * OUTCOME_MALFORMED if libcrypto does not accept the modulus; -ENOMEM. */
#define OAEP_MODULUS_MAX_BYTES ((size_t)512)
typedef struct OaepKey {
    TcgHash hash;
    BytesView modulus;
    uint32_t exponent;
} OaepKey;
int oaep_encrypt(const OaepKey *key, BytesView label, BytesView text, Bytes *ret);
