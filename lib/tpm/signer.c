/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/signer.h"

#include "tpm/blob.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <tss2/tss2_mu.h>

/* The smallest modulus that a TPM may support, bytes. */
#define MODULUS_BYTES_MIN 128
#define SIGNER_ATTRIBUTES                                                                          \
    (TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_DECRYPT | TPMA_OBJECT_SIGN_ENCRYPT)
_Static_assert(SIGNER_ATTRIBUTES == 0x00060040, "another public area would be another name");
_Static_assert(crypto_hash_sha256_BYTES == SIGNER_FINGERPRINT_BYTES, "a fingerprint is a digest");

DEFINE_CLEANUP(BIO *, BIO_free_all);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);

static void der_freep(unsigned char **der)
{
    OPENSSL_free(*der);
}

/* PEM can claim to be encrypted; never ask for a password. */
static int no_password(char *, int, int, void *)
{
    return -1;
}

/* Returns NULL, or what is wrong with the numbers. */
static const char *read_numbers(const EVP_PKEY *key, TPMT_PUBLIC *ret)
{
    _cleanup_(BN_freep) BIGNUM *modulus = NULL;
    _cleanup_(BN_freep) BIGNUM *exponent = NULL;
    int bits;

    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1)
        return "its numbers cannot be read";
    bits = BN_num_bits(modulus);
    if (bits % CHAR_BIT != 0 || bits / CHAR_BIT < MODULUS_BYTES_MIN ||
        bits / CHAR_BIT > (int)SIGNER_MODULUS_BYTES_MAX)
        return "no TPM supports the size of its modulus";
    if (BN_num_bits(exponent) > 32 || !BN_is_odd(exponent) || BN_is_one(exponent))
        return "its exponent is not valid";
    *ret = (TPMT_PUBLIC){
        .type = TPM2_ALG_RSA,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = SIGNER_ATTRIBUTES,
        .parameters.rsaDetail =
            {
                .symmetric.algorithm = TPM2_ALG_NULL,
                .scheme.scheme = TPM2_ALG_NULL,
                .keyBits = (TPM2_KEY_BITS)bits,
                .exponent = (uint32_t)BN_get_word(exponent),
            },
    };
    ret->unique.rsa.size = (UINT16)BN_bn2bin(modulus, ret->unique.rsa.buffer);
    return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *read_key(BytesView pem, TpmSigner *ret)
{
    _cleanup_(BIO_free_allp) BIO *bio =
        pem.size > 0 && pem.size <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
        bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;
    _cleanup_(der_freep) unsigned char *der = NULL;
    uint8_t area[sizeof(TPMT_PUBLIC)];
    const char *wrong;
    size_t area_size = 0;
    int size;

    if (!key)
        return "it is not a public key in PEM";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return "it is not an RSA key, which PCR policies require";
    wrong = read_numbers(key, &ret->public_part.publicArea);
    if (wrong)
        return wrong;
    size = i2d_PublicKey(key, &der); /* PKCS#1, for RSA */
    if (size <= 0)
        return "its fingerprint cannot be computed";
    crypto_hash_sha256(ret->fingerprint, der, (unsigned)size);
    if (Tss2_MU_TPMT_PUBLIC_Marshal(&ret->public_part.publicArea, area, sizeof(area), &area_size) !=
        TSS2_RC_SUCCESS)
        return "it cannot be marshalled for a TPM";
    tpm_name_of((BytesView){area, area_size}, ret->name);
    return NULL;
}

int tpm_signer_parse(BytesView pem, Reason *reason, TpmSigner *ret)
{
    TpmSigner signer = {0};
    const char *wrong = read_key(pem, &signer);

    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the PCR policy's public key: %s", wrong);
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
