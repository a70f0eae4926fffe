/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The TPM's two key derivation functions, with SHA-256: KDFa derives from a key, KDFe from the
 * shared point of ECDH. TCG TPM 2.0 Library, Part 1, 11.4.10.2 and 11.4.10.3; they are the counter
 * mode of NIST SP 800-108 and the concatenation KDF of SP 800-56A.
 *
 * Only one round is implemented, so that results are at most one digest long.
 */

#include "base/bytes.h"
#include "secret/secret.h"

/* HMAC(KEY, 1 ‖ LABEL ‖ 0 ‖ CONTEXT ‖ BITS), truncated to BITS (a multiple of 8, at most 256). The
 * remaining bytes of RET are zeroed. */
void tcg_kdfa(const SecretTemporary *key, const char *label, BytesView context, unsigned bits,
              SecretTemporary *ret);

/* SHA256(1 ‖ Z ‖ LABEL ‖ 0 ‖ U ‖ V). Z is the x coordinate of the shared point; U and V are those
 * of the initiator's and the responder's public points. All have 32 bytes. */
void tcg_kdfe(const SecretTemporary *z, const char *label, const uint8_t u[32], const uint8_t v[32],
              SecretTemporary *ret);
