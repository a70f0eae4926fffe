/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: files with signed PCR policies.
 *
 * The target searches for the entry of tests/vectors, which is in the corpus. A signature that is
 * found fits a TPM, and is not found for another policy. If a file is refused, the reason has no
 * control characters.
 */

#include "reason.h"
#include "tpm/signature.h"

#include <assert.h>
#include <sodium.h>

#define SIGNER "61738a3f479845efd39549b97466a180e9a52e8301603a9e3994198ff6e5b3bb"
#define POLICY "8becf0a630bddbe5e15350aba43bf731725a527086bfce1b4b2e23e73e54f54b"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int find(BytesView file, const char *policy, Reason *reason, TpmSignature *ret)
{
    uint8_t fingerprint[SIGNER_FINGERPRINT_BYTES], digest[TPM_POLICY_BYTES];
    TpmSignatureQuery query = {TPM_ALGORITHM_SHA256, UINT64_C(1) << 11, fingerprint, digest};

    sodium_hex2bin(fingerprint, sizeof(fingerprint), SIGNER, 64, NULL, NULL, NULL);
    sodium_hex2bin(digest, sizeof(digest), policy, 64, NULL, NULL, NULL);
    return tpm_signature_find(file, &query, reason, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BytesView file = {data, size};
    TpmSignature signature;
    Reason reason = {0};
    int r = find(file, POLICY, &reason, &signature);

    assert(r == 0 || r == OUTCOME_MALFORMED || r == OUTCOME_TOO_LARGE ||
           r == OUTCOME_TPM_NO_SIGNATURE || r == OUTCOME_TPM_PCR_MISMATCH);
    check_reason(r, &reason);
    if (r == 0)
        assert(signature.size > 0 && signature.size <= sizeof(signature.bytes));
    assert((find(file, SIGNER, NULL, &signature) == OUTCOME_MALFORMED) == (r == OUTCOME_MALFORMED));
    return 0;
}
