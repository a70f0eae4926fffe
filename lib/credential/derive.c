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

int credential_derive_key(const Secret *host_key, const Secret *tpm_key, const UserScope *scope,
                          Reason *reason, Secret **ret)
{
    _cleanup_(writer_done) Writer written = {0};
    crypto_hash_sha256_state state;
    Secret *key = NULL;
    int r;

    if (scope)
        user_scope_write(scope, &written);
    r = written.failed ? reason_set(reason, -ENOMEM, "cannot derive the key")
                       : secret_new(AEAD_KEY_BYTES, reason, &key);
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
    if (scope)
        crypto_auth_hmacsha256(secret_borrow(key), written.bytes.data, written.bytes.size,
                               secret_view(key).data);
    *ret = key;
    return 0;
}
