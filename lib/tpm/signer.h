/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The RSA key that signs PCR policies, in the TPM's format. Pure. It comes in PEM, from a file or
 * from an unauthenticated header; libcrypto parses it, and this module checks the result.
 *
 * The key's name in the TPM is part of the policy. So its public area must be identical, to the
 * byte, to what systemd 252 to 262 make of the same PEM: attributes userWithAuth, decrypt and sign,
 * no scheme, and the exponent written out (65537 and 0 mean the same, but give different names).
 * TCG TPM 2.0 Library, Part 1, 16 (names); Part 2, 12.2.3.5.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "tpm/tpm.h"

#include <tss2/tss2_tpm2_types.h>

/* The largest modulus that a TPM may support, bytes. */
#define SIGNER_MODULUS_BYTES_MAX ((size_t)512)
/* Size of a fingerprint, the SHA-256 of the key as PKCS#1 DER. */
#define SIGNER_FINGERPRINT_BYTES ((size_t)32)

typedef struct TpmSigner {
    TPM2B_PUBLIC public_part;
    uint8_t name[TPM_NAME_BYTES];
    uint8_t fingerprint[SIGNER_FINGERPRINT_BYTES]; /* "pkfp" in signature files */
} TpmSigner;

/* OUTCOME_MALFORMED if PEM is not an RSA public key of a size that TPMs support. */
int tpm_signer_parse(BytesView pem, Reason *reason, TpmSigner *ret);

/* The same for a key that signs for the PCRs of MASK; OUTCOME_USAGE if there are none. */
int tpm_signer_parse_for(BytesView pem, uint64_t mask, Reason *reason, TpmSigner *ret);
