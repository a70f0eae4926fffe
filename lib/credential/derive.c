/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "credential/derive.h"

#include "crypto/aead.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(crypto_hash_sha256_BYTES == AEAD_KEY_BYTES, "a digest is a key");
_Static_assert(crypto_auth_hmacsha256_BYTES == AEAD_KEY_BYTES, "an HMAC is a key");
_Static_assert(crypto_auth_hmacsha256_KEYBYTES == AEAD_KEY_BYTES, "a key is a key of an HMAC");

int credential_derive_key(const CredentialKeys *keys, Reason *reason, Secret **ret)
{
    _cleanup_(writer_done) Writer scope = {0};
    crypto_hash_sha256_state state;
    Secret *key = NULL;
    int r;

    if (keys->scope)
        user_scope_write(keys->scope, &scope);
    r = scope.failed ? reason_set(reason, -ENOMEM, "cannot derive the key")
                     : secret_new(AEAD_KEY_BYTES, reason, &key);
    if (r != 0)
        return r;
    crypto_hash_sha256_init(&state);
    if (keys->host_key) {
        assert(secret_size(keys->host_key) == sizeof(state));
        memcpy(&state, secret_view(keys->host_key).data, sizeof(state));
    }
    if (keys->tpm_key)
        crypto_hash_sha256_update(&state, secret_view(keys->tpm_key).data,
                                  secret_size(keys->tpm_key));
    crypto_hash_sha256_final(&state, secret_borrow(key));
    secret_erase(&state, sizeof(state));
    if (keys->scope)
        crypto_auth_hmacsha256(secret_borrow(key), scope.bytes.data, scope.bytes.size,
                               secret_view(key).data);
    *ret = key;
    return 0;
}
