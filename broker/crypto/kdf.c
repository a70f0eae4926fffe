/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key of a credential. See kdf.h.
 */

#include "crypto/kdf.h"

#include "crypto/aead.h"

#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>

DEFINE_CLEANUP(EVP_MD_CTX *, EVP_MD_CTX_free);

static bool hash_secret(EVP_MD_CTX *digest, const Secret *secret)
{
    BytesView view;

    if (!secret)
        return true;
    view = secret_view(secret);
    return EVP_DigestUpdate(digest, view.data, view.size) == 1;
}

/* The host key has 4 KiB, and is hashed at every request: libcrypto's SHA-256 uses the processor's
 * instructions for it, libsodium's does not. libcrypto wipes its context when it is freed. */
int kdf_credential_key(const Secret *host_key, const Secret *tpm_key, Reason *reason, Secret **ret)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
    _cleanup_(secret_freep) Secret *key = NULL;
    int r = secret_new(AEAD_KEY_BYTES, reason, &key);

    if (r != 0)
        return r;
    if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1 ||
        !hash_secret(digest, host_key) || !hash_secret(digest, tpm_key) ||
        EVP_DigestFinal_ex(digest, secret_borrow(key), NULL) != 1)
        return reason_set(reason, -EIO, "cannot compute a digest");
    *ret = TAKE_PTR(key);
    return 0;
}

_Static_assert(crypto_auth_hmacsha256_BYTES == AEAD_KEY_BYTES, "an HMAC is a key");

int kdf_scoped_key(const Secret *key, BytesView scope, Reason *reason, Secret **ret)
{
    crypto_auth_hmacsha256_state state;
    BytesView view = secret_view(key);
    Secret *scoped;
    int r = secret_new(AEAD_KEY_BYTES, reason, &scoped);

    if (r != 0)
        return r;
    crypto_auth_hmacsha256_init(&state, view.data, view.size);
    crypto_auth_hmacsha256_update(&state, scope.data, scope.size);
    crypto_auth_hmacsha256_final(&state, secret_borrow(scoped));
    secret_erase(&state, sizeof(state));
    *ret = scoped;
    return 0;
}
