/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key of a credential. See kdf.h.
 */

#include "crypto/kdf.h"

#include "crypto/aead.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

int kdf_host_key(BytesView host_key, Reason *reason, Secret **ret)
{
    crypto_hash_sha256_state state;
    int r;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, host_key.data, host_key.size);
    r = secret_new_from((BytesView){(const uint8_t *)&state, sizeof(state)}, reason, ret);
    secret_erase(&state, sizeof(state));
    return r;
}

int kdf_credential_key(const Secret *host_key, const Secret *tpm_key, Reason *reason, Secret **ret)
{
    crypto_hash_sha256_state state;
    Secret *key;
    int r = secret_new(AEAD_KEY_BYTES, reason, &key);

    if (r != 0)
        return r;
    crypto_hash_sha256_init(&state);
    if (host_key) {
        assert(secret_size(host_key) == sizeof(state));
        memcpy(&state, secret_view(host_key).data, sizeof(state));
    }
    if (tpm_key)
        crypto_hash_sha256_update(&state, secret_view(tpm_key).data, secret_size(tpm_key));
    crypto_hash_sha256_final(&state, secret_borrow(key));
    secret_erase(&state, sizeof(state));
    *ret = key;
    return 0;
}

_Static_assert(crypto_hash_sha256_BYTES == AEAD_KEY_BYTES, "a digest is a key");
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
