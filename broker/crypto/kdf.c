/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The key of a credential. See kdf.h.
 */

#include "crypto/kdf.h"

#include "crypto/aead.h"

#include <sodium.h>

_Static_assert(crypto_hash_sha256_BYTES == AEAD_KEY_BYTES, "a digest is a key");

static void hash_secret(crypto_hash_sha256_state *state, const Secret *secret)
{
    BytesView view;

    if (!secret)
        return;
    view = secret_view(secret);
    crypto_hash_sha256_update(state, view.data, view.size);
}

int kdf_credential_key(const Secret *host_key, const Secret *tpm_key, Reason *reason, Secret **ret)
{
    crypto_hash_sha256_state state;
    Secret *key;
    int r = secret_new(AEAD_KEY_BYTES, reason, &key);

    if (r != 0)
        return r;
    crypto_hash_sha256_init(&state);
    hash_secret(&state, host_key);
    hash_secret(&state, tpm_key);
    crypto_hash_sha256_final(&state, secret_borrow(key));
    secret_erase(&state, sizeof(state));
    *ret = key;
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
