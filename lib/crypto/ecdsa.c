/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/ecdsa.h"

#include <assert.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

/* A sequence of two numbers, each with a header of two bytes and perhaps a zero byte. */
#define DER_BYTES_MAX (2 + 2 * (3 + ECDH_P256_BYTES))

DEFINE_CLEANUP(ECDSA_SIG *, ECDSA_SIG_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);

/* Makes libcrypto's key of POINT, which is on the curve. */
static int key_new(const EcdhPoint *point, EVP_PKEY **ret)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    uint8_t octets[1 + 2 * ECDH_P256_BYTES] = {0x04}; /* uncompressed */
    char group[] = "prime256v1";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, octets, sizeof(octets)),
        OSSL_PARAM_construct_end(),
    };

    memcpy(octets + 1, point->x, ECDH_P256_BYTES);
    memcpy(octets + 1 + ECDH_P256_BYTES, point->y, ECDH_P256_BYTES);
    return context && EVP_PKEY_fromdata_init(context) == 1 &&
                   EVP_PKEY_fromdata(context, ret, EVP_PKEY_PUBLIC_KEY, params) == 1
               ? 0
               : -EIO;
}

/* Formats R and S as DER, which is what libcrypto takes. */
static int format_der(BytesView r, BytesView s, uint8_t der[DER_BYTES_MAX], size_t *ret_size)
{
    _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r_number = BN_bin2bn(r.data, (int)r.size, NULL);
    BIGNUM *s_number = BN_bin2bn(s.data, (int)s.size, NULL);
    int size;

    /* it takes ownership of both, or of none */
    if (!signature || !r_number || !s_number ||
        ECDSA_SIG_set0(signature, r_number, s_number) != 1) {
        BN_free(r_number);
        BN_free(s_number);
        return -ENOMEM;
    }
    size = i2d_ECDSA_SIG(signature, &der);
    *ret_size = (size_t)size;
    return size > 0 ? 0 : -EIO;
}

int ecdsa_verify(const EcdhPoint *point, BytesView r, BytesView s, BytesView message)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    uint8_t der[DER_BYTES_MAX];
    size_t size;
    int rc = ecdh_check(point);

    assert(point->curve == ECDH_P256);
    if (rc > 0 || r.size > ECDH_P256_BYTES || s.size > ECDH_P256_BYTES)
        return OUTCOME_NOT_SIGNED;
    if (rc == 0)
        rc = context ? key_new(point, &key) : -ENOMEM;
    if (rc == 0)
        rc = format_der(r, s, der, &size);
    if (rc != 0)
        return rc;
    if (EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) != 1)
        return -EIO;
    return EVP_DigestVerify(context, der, size, message.data, message.size) == 1
               ? 0
               : OUTCOME_NOT_SIGNED;
}
