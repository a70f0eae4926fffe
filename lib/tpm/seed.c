/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/seed.h"

#include "crypto/tcg.h"
#include "tpm/blob.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

static int share_ecc(const Context *context, const TpmStorageKey *key, const char *label,
                     Writer *secret, SecretTemporary *ret_seed)
{
    _cleanup_(secret_temporary_done) SecretTemporary shared;
    EcdhPoint ephemeral;
    int r = ecdh_agree(context, &key->point, &ephemeral, &shared);

    if (r != 0)
        return r;
    tcg_kdfe(&shared, label, ephemeral.x, key->point.x, ret_seed);
    writer_u16be(secret, 2 * (2 + ECDH_COORDINATE_BYTES));
    tpm_2b_write((BytesView){ephemeral.x, ECDH_COORDINATE_BYTES}, secret);
    tpm_2b_write((BytesView){ephemeral.y, ECDH_COORDINATE_BYTES}, secret);
    return 0;
}

/* The label includes its NUL. */
static int share_rsa(const Context *context, const TpmStorageKey *key, const char *label,
                     Writer *secret, SecretTemporary *ret_seed)
{
    _cleanup_(bytes_done) Bytes encrypted = {0};
    int r;

    context->random(context, ret_seed->bytes, sizeof(ret_seed->bytes));
    r = oaep_encrypt(key->modulus, key->exponent,
                     (BytesView){(const uint8_t *)label, strlen(label) + 1},
                     (BytesView){ret_seed->bytes, sizeof(ret_seed->bytes)}, &encrypted);
    if (r != 0)
        return r;
    tpm_2b_write(bytes_view(&encrypted), secret);
    return 0;
}

int tpm_seed_share(const Context *context, const TpmStorageKey *key, const char *label,
                   Writer *secret, SecretTemporary *ret_seed)
{
    int r = key->algorithm == TPM_ALGORITHM_ECC ? share_ecc(context, key, label, secret, ret_seed)
                                                : share_rsa(context, key, label, secret, ret_seed);

    return r == 0 && secret->failed ? -ENOMEM : r;
}

int tpm_seed_protect(const SecretTemporary *seed, const uint8_t name[TPM_NAME_BYTES],
                     BytesView bytes, Writer *writer)
{
    _cleanup_(secret_temporary_done) SecretTemporary cipher_key, mac_key;
    uint8_t ciphertext[TPM_PROTECTED_BYTES_MAX], mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    int r;

    assert(bytes.size <= sizeof(ciphertext));
    tcg_kdfa(seed, "STORAGE", (BytesView){name, TPM_NAME_BYTES}, CFB_KEY_BYTES * 8, &cipher_key);
    tcg_kdfa(seed, "INTEGRITY", (BytesView){0}, sizeof(mac_key.bytes) * 8, &mac_key);
    r = cfb_encrypt(cipher_key.bytes, bytes, ciphertext);
    if (r != 0)
        return r;
    crypto_auth_hmacsha256_init(&state, mac_key.bytes, sizeof(mac_key.bytes));
    crypto_auth_hmacsha256_update(&state, ciphertext, bytes.size);
    crypto_auth_hmacsha256_update(&state, name, TPM_NAME_BYTES);
    crypto_auth_hmacsha256_final(&state, mac);
    secret_erase(&state, sizeof(state));

    writer_u16be(writer, (uint16_t)(2 + sizeof(mac) + bytes.size));
    tpm_2b_write((BytesView){mac, sizeof(mac)}, writer);
    writer_bytes(writer, (BytesView){ciphertext, bytes.size});
    return 0;
}
