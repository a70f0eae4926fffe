/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The file with signed PCR policies, tpm2-pcr-signature.json, as systemd-measure(1) writes it:
 *
 *     {"sha256": [{"pcrs": [11], "pkfp": "61738a3f…", "pol": "8becf0a6…", "sig": "W+uc…"}, …], …}
 *
 * a list for each PCR bank; pkfp is the SHA-256 of the signer's key as PKCS#1 DER, pol a policy
 * digest for those PCRs, sig the signature of it (RSASSA-PKCS1-v1_5 with SHA-256), base64. Pure.
 *
 * Nothing here is trusted: the TPM verifies the signature. Members that are not known are passed
 * over, and so are entries that lack one of these, which may be of a later format; what is there
 * and not as it must be is refused.
 */

#include "base/bytes.h"
#include "base/outcome.h"
#include "crypto/public_key.h"
#include "tpm/tpm.h"

/* What is looked for. */
typedef struct TpmSignatureQuery {
    uint16_t bank;
    uint64_t mask;              /* the PCRs that are signed, all of them */
    const uint8_t *fingerprint; /* of the signer, RSA_FINGERPRINT_BYTES */
    const uint8_t *policy;      /* for the PCRs as they are now, TPM_POLICY_BYTES */
} TpmSignatureQuery;

typedef struct TpmSignature {
    uint8_t bytes[RSA_MODULUS_MAX_BYTES];
    size_t size;
} TpmSignature;

/* OUTCOME_MALFORMED; OUTCOME_TPM_NO_SIGNATURE if there is none by this signer for these PCRs and
 * this bank at all; OUTCOME_TPM_PCR_MISMATCH if there are, but for other values. */
int tpm_signature_find(BytesView json, const TpmSignatureQuery *query, Reason *reason,
                       TpmSignature *ret);
