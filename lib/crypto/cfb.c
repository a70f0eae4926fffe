/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AES-128-CFB on libcrypto. See cfb.h.
 */

#include "crypto/cfb.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>

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
