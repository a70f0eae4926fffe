/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSA public keys. See public_key.h.
 */

#include "crypto/public_key.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

_Static_assert(crypto_hash_sha256_BYTES == RSA_FINGERPRINT_BYTES, "a fingerprint is a digest");

DEFINE_CLEANUP(BIO *, BIO_free_all);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(BIGNUM *, BN_free);

static void der_freep(unsigned char **der)
{
    OPENSSL_free(*der);
}

/* PEM can claim to be encrypted; never ask for a password. */
static int no_password(char *buffer, int size, int writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)data;
    return -1;
}

/* Returns NULL, or what is wrong with the numbers. */
static const char *read_numbers(const EVP_PKEY *key, RsaPublicKey *ret)
{
    _cleanup_(BN_freep) BIGNUM *modulus = NULL;
    _cleanup_(BN_freep) BIGNUM *exponent = NULL;
    int bits;

    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1 ||
        EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1)
        return "its numbers cannot be read";
    bits = BN_num_bits(modulus);
    if (bits % CHAR_BIT != 0 || bits / CHAR_BIT < (int)RSA_MODULUS_MIN_BYTES ||
        bits / CHAR_BIT > (int)RSA_MODULUS_MAX_BYTES)
        return "no TPM supports the size of its modulus";
    if (BN_num_bits(exponent) > 32 || !BN_is_odd(exponent) || BN_is_one(exponent))
        return "its exponent is not valid";
    ret->modulus_size = (size_t)BN_bn2bin(modulus, ret->modulus);
    ret->exponent = (uint32_t)BN_get_word(exponent);
    return NULL;
}

static const char *read_key(BytesView pem, RsaPublicKey *ret)
{
    _cleanup_(BIO_free_allp) BIO *bio =
        pem.size > 0 && pem.size <= INT_MAX ? BIO_new_mem_buf(pem.data, (int)pem.size) : NULL;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key =
        bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;
    _cleanup_(der_freep) unsigned char *der = NULL;
    const char *wrong;
    int size;

    if (!key)
        return "it is not a public key in PEM";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA)
        return "it is not an RSA key, which PCR policies require";
    wrong = read_numbers(key, ret);
    if (wrong)
        return wrong;
    size = i2d_PublicKey(key, &der); /* PKCS#1, for RSA */
    if (size <= 0)
        return "its fingerprint cannot be computed";
    crypto_hash_sha256(ret->fingerprint, der, (unsigned)size);
    return NULL;
}

int rsa_public_key_parse(BytesView pem, Reason *reason, RsaPublicKey *ret)
{
    RsaPublicKey key = {0};
    const char *wrong = read_key(pem, &key);

    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the PCR policy's public key: %s", wrong);
    *ret = key;
    return 0;
}
