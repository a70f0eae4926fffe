/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/tcg.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

/* --- key derivation --- */

/* The counter of the first round, big-endian. */
static const uint8_t counter[] = {0, 0, 0, 1};

_Static_assert(crypto_auth_hmacsha256_BYTES == sizeof(SecretTemporary), "one round is enough");
_Static_assert(crypto_hash_sha256_BYTES == sizeof(SecretTemporary), "one round is enough");

void tcg_kdfa(const SecretTemporary *key, const char *label, BytesView context, unsigned bits,
              SecretTemporary *ret)
{
    uint8_t size[] = {0, 0, (uint8_t)(bits >> 8), (uint8_t)bits};
    crypto_auth_hmacsha256_state state;

    assert(bits % 8 == 0 && bits / 8 <= sizeof(ret->bytes));
    crypto_auth_hmacsha256_init(&state, key->bytes, sizeof(key->bytes));
    crypto_auth_hmacsha256_update(&state, counter, sizeof(counter));
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)label, strlen(label) + 1);
    crypto_auth_hmacsha256_update(&state, context.data, context.size);
    crypto_auth_hmacsha256_update(&state, size, sizeof(size));
    crypto_auth_hmacsha256_final(&state, ret->bytes);
    secret_erase(&state, sizeof(state));
    secret_erase(ret->bytes + bits / 8, sizeof(ret->bytes) - bits / 8);
}

void tcg_kdfe(const SecretTemporary *z, const char *label, const uint8_t u[32], const uint8_t v[32],
              SecretTemporary *ret)
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, counter, sizeof(counter));
    crypto_hash_sha256_update(&state, z->bytes, sizeof(z->bytes));
    crypto_hash_sha256_update(&state, (const uint8_t *)label, strlen(label) + 1);
    crypto_hash_sha256_update(&state, u, 32);
    crypto_hash_sha256_update(&state, v, 32);
    crypto_hash_sha256_final(&state, ret->bytes);
    secret_erase(&state, sizeof(state));
}

/* --- AES-128-CFB --- */

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);

int cfb_encrypt(const uint8_t key[CFB_KEY_BYTES], BytesView text, uint8_t *ret)
{
    static const uint8_t iv[16];
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int written = 0, rest = 0;

    assert(text.size <= INT_MAX);
    if (!cipher || EVP_EncryptInit_ex(cipher, EVP_aes_128_cfb128(), NULL, key, iv) != 1 ||
        EVP_EncryptUpdate(cipher, ret, &written, text.data, (int)text.size) != 1 ||
        EVP_EncryptFinal_ex(cipher, ret + written, &rest) != 1)
        return -EIO;
    return 0;
}

/* --- RSA-OAEP --- */

DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);

static int read_key(BytesView modulus, uint32_t exponent, EVP_PKEY **ret)
{
    uint8_t native[OAEP_MODULUS_MAX_BYTES]; /* in this machine's byte order */
    _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, modulus.size),
        OSSL_PARAM_construct_uint32(OSSL_PKEY_PARAM_RSA_E, &exponent),
        OSSL_PARAM_construct_end(),
    };

    assert(modulus.size <= sizeof(native));
    if (!n || !context || BN_bn2nativepad(n, native, (int)modulus.size) < 0)
        return -ENOMEM;
    if (EVP_PKEY_fromdata_init(context) != 1)
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
    *ret = TAKE(encrypted);
    return 0;
}
