/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * KDFa and KDFe. See tcg.h.
 */

#include "crypto/tcg.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define COORDINATE_BYTES ((size_t)32)
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
    crypto_hash_sha256_update(&state, u, COORDINATE_BYTES);
    crypto_hash_sha256_update(&state, v, COORDINATE_BYTES);
    crypto_hash_sha256_final(&state, ret->bytes);
    secret_erase(&state, sizeof(state));
}
