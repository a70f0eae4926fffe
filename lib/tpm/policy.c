/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/policy.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

_Static_assert(crypto_hash_sha256_BYTES == TPM_POLICY_BYTES, "policies are SHA-256 digests");

/* Size of a PCR bitmap: 24 PCRs. */
#define SELECT_BYTES 3

static void extend_authorize(const TpmSigner *signer, uint8_t policy[TPM_POLICY_BYTES])
{
    uint8_t bytes[TPM_POLICY_BYTES + sizeof(uint32_t) + TPM_NAME_BYTES] = {0};
    Writer writer = writer_into(bytes + TPM_POLICY_BYTES, sizeof(bytes) - TPM_POLICY_BYTES);

    /* after a policy of zeros */
    writer_u32be(&writer, TPM2_CC_PolicyAuthorize);
    writer_bytes(&writer, (BytesView){signer->name, sizeof(signer->name)});
    crypto_hash_sha256(policy, bytes, sizeof(bytes));
    /* followed by policyRef, which is empty */
    crypto_hash_sha256(policy, policy, TPM_POLICY_BYTES);
}

static void extend_pcrs(const TpmPcrs *pcrs, uint8_t policy[TPM_POLICY_BYTES])
{
    uint8_t bytes[128], values[TPM_PCR_COUNT * TPM_PCR_BYTES_MAX];
    Writer writer = writer_into(bytes, sizeof(bytes)), all = writer_into(values, sizeof(values));
    size_t size = tpm_bank_digest_bytes(pcrs->bank);

    assert((pcrs->mask & ~(pcrs->given & TPM_PCR_MASK_ALL)) == 0);
    if (pcrs->mask == 0)
        return;
    for (unsigned i = 0; i < TPM_PCR_COUNT; i++)
        if (pcrs->mask & UINT64_C(1) << i)
            writer_bytes(&all, (BytesView){pcrs->values[i], size});
    crypto_hash_sha256(values, values, all.bytes.size);

    writer_bytes(&writer, (BytesView){policy, TPM_POLICY_BYTES});
    writer_u32be(&writer, TPM2_CC_PolicyPCR);
    writer_u32be(&writer, 1); /* selections */
    writer_u16be(&writer, pcrs->bank);
    /* the size of the bitmap in bytes, and the bitmap */
    writer_u32le(&writer, (uint32_t)(pcrs->mask << 8 | SELECT_BYTES));
    writer_bytes(&writer, (BytesView){values, crypto_hash_sha256_BYTES});
    assert(!writer.failed);
    crypto_hash_sha256(policy, bytes, writer.bytes.size);
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
