/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * RSA-OAEP on libcrypto. See oaep.h.
 */

#include "crypto/oaep.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);
DEFINE_CLEANUP(OSSL_PARAM *, OSSL_PARAM_free);
DEFINE_CLEANUP(OSSL_PARAM_BLD *, OSSL_PARAM_BLD_free);

static int read_key(BytesView modulus, uint32_t exponent, EVP_PKEY **ret)
{
    _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    _cleanup_(OSSL_PARAM_BLD_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    _cleanup_(OSSL_PARAM_freep) OSSL_PARAM *parameters = NULL;
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);

    if (!n || !builder || !context ||
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_uint32(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1)
        return -ENOMEM;
    parameters = OSSL_PARAM_BLD_to_param(builder);
    if (!parameters || EVP_PKEY_fromdata_init(context) != 1)
        return -EIO;
    if (EVP_PKEY_fromdata(context, ret, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return OUTCOME_MALFORMED;
    return 0;
}

/* Returns a context that is ready to encrypt; NULL if libcrypto fails. */
static EVP_PKEY_CTX *begin(EVP_PKEY *key, BytesView label)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    void *copy; /* the context takes it over */

    if (!context || EVP_PKEY_encrypt_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_sha256()) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_sha256()) != 1)
        return NULL;
    copy = OPENSSL_memdup(label.data, label.size);
    if (!copy)
        return NULL;
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)label.size) != 1) {
        OPENSSL_free(copy);
        return NULL;
    }
    return TAKE_PTR(context);
}

int oaep_encrypt(BytesView modulus, uint32_t exponent, BytesView label, BytesView text, Bytes *ret)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = NULL;
    _cleanup_(bytes_done) Bytes encrypted = {0};
    int r = read_key(modulus, exponent, &key);

    if (r != 0)
        return r;
    context = begin(key, label);
    encrypted.size = modulus.size;
    encrypted.data = malloc(modulus.size);
    if (!context || !encrypted.data)
        return -ENOMEM;
    if (EVP_PKEY_encrypt(context, encrypted.data, &encrypted.size, text.data, text.size) != 1)
        return OUTCOME_MALFORMED;
    if (encrypted.size != modulus.size)
        return -EIO;
    *ret = encrypted;
    encrypted = (Bytes){0};
    return 0;
}
