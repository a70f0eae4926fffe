/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AES-256-GCM with libcrypto. See aead.h.
 *
 * libcrypto keeps the expanded key in its context, in ordinary memory. The context exists for one
 * call only, and libcrypto wipes it when it is freed.
 */

#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);

/* Fetched once, because libcrypto would otherwise look it up by name at every use. */
static EVP_CIPHER *aes_256_gcm;

/* Returns a context with key, IV and AAD, ready for the text; NULL if libcrypto fails. */
static EVP_CIPHER_CTX *begin(const Secret *key, BytesView iv, BytesView aad, int encrypt)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int written;

    if (!aes_256_gcm)
        aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    assert(secret_size(key) == AEAD_KEY_BYTES);
    assert(iv.size > 0 && iv.size <= AEAD_IV_MAX_BYTES && aad.size <= INT_MAX);
    if (!cipher || EVP_CipherInit_ex(cipher, aes_256_gcm, NULL, NULL, NULL, encrypt) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.size, NULL) != 1 ||
        EVP_CipherInit_ex(cipher, NULL, NULL, secret_view(key).data, iv.data, encrypt) != 1 ||
        EVP_CipherUpdate(cipher, NULL, &written, aad.data, (int)aad.size) != 1)
        return NULL;
    return TAKE_PTR(cipher);
}

int aead_encrypt(const Secret *key, BytesView iv, BytesView aad, BytesView text,
                 uint8_t *ret_ciphertext, uint8_t ret_tag[AEAD_TAG_BYTES])
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *cipher = begin(key, iv, aad, 1);
    uint8_t *end = ret_ciphertext + text.size; /* GCM writes nothing at the end */
    int written = 0;

    assert(text.size <= INT_MAX);
    if (!cipher ||
        EVP_CipherUpdate(cipher, ret_ciphertext, &written, text.data, (int)text.size) != 1 ||
        EVP_CipherFinal_ex(cipher, end, &written) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, (int)AEAD_TAG_BYTES, ret_tag) != 1)
        return -EIO;
    return 0;
}

int aead_decrypt(const Secret *key, BytesView iv, BytesView aad, BytesView ciphertext,
                 BytesView tag, Secret **ret_text)
{
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *cipher = begin(key, iv, aad, 0);
    _cleanup_(secret_freep) Secret *text = NULL;
    uint8_t expected[AEAD_TAG_BYTES];
    int written = 0, r;

    assert(ciphertext.size <= INT_MAX);
    if (tag.size != AEAD_TAG_BYTES)
        return OUTCOME_NOT_AUTHENTIC;
    r = secret_new(ciphertext.size, NULL, &text);
    if (r != 0)
        return r;
    for (size_t i = 0; i < sizeof(expected); i++)
        expected[i] = tag.data[i];
    if (!cipher ||
        EVP_CipherUpdate(cipher, secret_borrow(text), &written, ciphertext.data,
                         (int)ciphertext.size) != 1 ||
        EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, (int)AEAD_TAG_BYTES, expected) != 1)
        return -EIO;
    if (EVP_CipherFinal_ex(cipher, secret_borrow(text) + ciphertext.size, &written) != 1)
        return OUTCOME_NOT_AUTHENTIC;
    *ret_text = TAKE_PTR(text);
    return 0;
}
