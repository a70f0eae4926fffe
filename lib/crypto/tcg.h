/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The TPM's two key derivation functions, with SHA-256: KDFa from a key, KDFe from a point that two
 * ECDH parties share. TCG TPM 2.0 Library, Part 1, 11.4.10.2 and 11.4.10.3; they are the counter
 * mode of NIST SP 800-108 and the concatenation KDF of SP 800-56A.
 *
 * One round is all that is needed here: what they give is at most a digest long.
 */

#include "base/bytes.h"
#include "secret/secret.h"

/* HMAC(KEY, 1 ‖ LABEL ‖ 0 ‖ CONTEXT ‖ BITS), cut to BITS (a multiple of 8, at most 256): as many
 * bytes of RET are written, the others are zeroed. */
void tcg_kdfa(const SecretTemporary *key, const char *label, BytesView context, unsigned bits,
              SecretTemporary *ret);

/* SHA256(1 ‖ Z ‖ LABEL ‖ 0 ‖ U ‖ V): Z is the shared point's x, U and V are those of the parties'
 * public points, the one that began first. All have 32 bytes. */
void tcg_kdfe(const SecretTemporary *z, const char *label, const uint8_t u[32], const uint8_t v[32],
              SecretTemporary *ret);
