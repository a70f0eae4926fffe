/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parses the file with signed PCR policies, tpm2-pcr-signature.json, as systemd-measure(1) writes
 * it:
 *
 *     {"sha256": [{"pcrs": [11], "pkfp": "61738a3f…", "pol": "8becf0a6…", "sig": "W+uc…"}, …], …}
 *
 * There is one list per PCR bank. pkfp is the SHA-256 of the signer's key as PKCS#1 DER, pol a
 * policy digest for those PCRs, sig its signature (RSASSA-PKCS1-v1_5 with SHA-256) in base64. Pure.
 *
 * Nothing here is trusted: the TPM verifies the signature. Unknown members are ignored, and so are
 * entries that lack one of these members, because they may have a later format. Invalid values are
 * refused.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "tpm/signer.h"
#include "tpm/tpm.h"

/* What to search for. */
typedef struct TpmSignatureQuery {
    uint16_t bank;
    uint64_t mask;              /* exactly the signed PCRs */
    const uint8_t *fingerprint; /* the signer's, SIGNER_FINGERPRINT_BYTES */
    const uint8_t *policy;      /* of the current PCRs, TPM_POLICY_BYTES */
} TpmSignatureQuery;

typedef struct TpmSignature {
    uint8_t bytes[SIGNER_MODULUS_BYTES_MAX];
    size_t size;
} TpmSignature;

/* OUTCOME_MALFORMED; OUTCOME_TPM_NO_SIGNATURE if this signer has signed nothing for these PCRs and
 * this bank; OUTCOME_TPM_PCR_MISMATCH if it has, but only for other values. */
int tpm_signature_find(BytesView json, const TpmSignatureQuery *query, Reason *reason,
                       TpmSignature *ret);
