/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policy digests. See policy.h.
 */

#include "tpm/policy.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

_Static_assert(crypto_hash_sha256_BYTES == TPM_POLICY_BYTES, "policies are SHA-256 digests");

/* Size of a PCR bitmap: 24 PCRs. */
#define SELECT_BYTES 3

static void hash_be(crypto_hash_sha256_state *state, uint32_t value, size_t size)
{
    uint8_t bytes[sizeof(value)];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    crypto_hash_sha256_update(state, bytes, size);
}

static void extend_authorize(const TpmSigner *signer, uint8_t policy[TPM_POLICY_BYTES])
{
    static const uint8_t empty_policy[TPM_POLICY_BYTES];
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, empty_policy, sizeof(empty_policy));
    hash_be(&state, TPM2_CC_PolicyAuthorize, sizeof(uint32_t));
    crypto_hash_sha256_update(&state, signer->name, sizeof(signer->name));
    crypto_hash_sha256_final(&state, policy);
    /* followed by policyRef, which is empty */
    crypto_hash_sha256(policy, policy, TPM_POLICY_BYTES);
}

/* The digest of the values, in ascending order. */
static void hash_values(const TpmPcrs *pcrs, uint8_t ret[crypto_hash_sha256_BYTES])
{
    size_t size = tpm_bank_digest_bytes(pcrs->bank);
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (pcrs->mask & UINT64_C(1) << i)
            crypto_hash_sha256_update(&state, pcrs->values[i], size);
    crypto_hash_sha256_final(&state, ret);
}

static void extend_pcrs(const TpmPcrs *pcrs, uint8_t policy[TPM_POLICY_BYTES])
{
    uint8_t select[1 + SELECT_BYTES] = {SELECT_BYTES, (uint8_t)pcrs->mask,
                                        (uint8_t)(pcrs->mask >> 8), (uint8_t)(pcrs->mask >> 16)};
    uint8_t values_digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;

    assert((pcrs->mask & ~(pcrs->given & TPM_PCR_MASK_ALL)) == 0);
    if (pcrs->mask == 0)
        return;
    hash_values(pcrs, values_digest);
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, policy, TPM_POLICY_BYTES);
    hash_be(&state, TPM2_CC_PolicyPCR, sizeof(uint32_t));
    hash_be(&state, 1, sizeof(uint32_t)); /* selections */
    hash_be(&state, pcrs->bank, sizeof(uint16_t));
    crypto_hash_sha256_update(&state, select, sizeof(select));
    crypto_hash_sha256_update(&state, values_digest, sizeof(values_digest));
    crypto_hash_sha256_final(&state, policy);
}

void tpm_policy_of(const TpmSigner *signer, const TpmPcrs *pcrs,
                   uint8_t ret_policy[TPM_POLICY_BYTES])
{
    memset(ret_policy, 0, TPM_POLICY_BYTES);
    if (signer)
        extend_authorize(signer, ret_policy);
    extend_pcrs(pcrs, ret_policy);
}

int tpm_policy_describe(const TpmPcrs *pcrs, BytesView public_key, uint64_t public_key_mask,
                        Reason *reason, TpmSealed *sealed)
{
    bool is_signed = public_key.size > 0;
    uint8_t policy[TPM_POLICY_BYTES];
    TpmSigner signer;
    int r = 0;

    if (is_signed)
        r = tpm_signer_parse_for(public_key, public_key_mask, reason, &signer);
    if (r == 0 && is_signed)
        r = bytes_dup(public_key, &sealed->public_key);
    if (r != 0)
        return r;
    tpm_policy_of(is_signed ? &signer : NULL, pcrs, policy);
    sealed->pcr_mask = pcrs->mask;
    sealed->pcr_bank = pcrs->bank;
    sealed->public_key_mask = is_signed ? public_key_mask : 0;
    return bytes_dup((BytesView){policy, sizeof(policy)}, &sealed->policy_hash);
}
