/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signers of PCR policies. See signer.h.
 */

#include "tpm/signer.h"

#include "tpm/blob.h"

#include <string.h>
#include <tss2/tss2_mu.h>

#define SIGNER_ATTRIBUTES                                                                          \
    (TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_SIGN_ENCRYPT)
_Static_assert(SIGNER_ATTRIBUTES == 0x00060040, "another public area would be another name");

static TPMT_PUBLIC area_of(const RsaPublicKey *key)
{
    TPMT_PUBLIC area = {
        .type = TPM2_ALG_RSA,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = SIGNER_ATTRIBUTES,
        .parameters.rsaDetail =
            {
                .symmetric.algorithm = TPM2_ALG_NULL,
                .scheme.scheme = TPM2_ALG_NULL,
                .keyBits = (TPM2_KEY_BITS)(key->modulus_size * 8),
                .exponent = key->exponent,
            },
        .unique.rsa.size = (UINT16)key->modulus_size,
    };

    memcpy(area.unique.rsa.buffer, key->modulus, key->modulus_size);
    return area;
}

int tpm_signer_parse(BytesView pem, Reason *reason, TpmSigner *ret)
{
    TpmSigner signer = {0};
    uint8_t area[sizeof(TPMT_PUBLIC)];
    size_t size = 0;
    RsaPublicKey key;
    int r = rsa_public_key_parse(pem, reason, &key);

    if (r != 0)
        return r;
    signer.public_part.publicArea = area_of(&key);
    memcpy(signer.fingerprint, key.fingerprint, sizeof(signer.fingerprint));
    if (Tss2_MU_TPMT_PUBLIC_Marshal(&signer.public_part.publicArea, area, sizeof(area), &size) !=
        TSS2_RC_SUCCESS)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the PCR policy's public key cannot be marshalled for a TPM");
    tpm_name_of((BytesView){area, size}, signer.name);
    *ret = signer;
    return 0;
}

int tpm_signer_parse_for(BytesView pem, uint64_t mask, Reason *reason, TpmSigner *ret)
{
    if (mask == 0)
        return reason_set(reason, OUTCOME_USAGE,
                          "a public key needs the PCRs that it signs for, and none is given");
    return tpm_signer_parse(pem, reason, ret);
}
