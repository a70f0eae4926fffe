/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seals a key for another host's TPM. See wrap.h.
 *
 * An object consists of its public area, whose digest is its name, and its sensitive area: the key,
 * and a value that blinds its digest in the public area. A fresh seed is encrypted to the storage
 * key. The keys that encrypt the sensitive area, and authenticate it together with the name, are
 * derived from the seed. There is no inner wrapper, which would only protect from those who know
 * the storage key.
 */

#include "tpm/wrap.h"

#include "crypto/tcg.h"
#include "tpm/blob.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

/* The purpose of a secret that is shared with a storage key. OAEP's label includes the NUL. */
#define DUPLICATE       "DUPLICATE"
/* TPM2B_SENSITIVE without a password: size, type, size of the password, blinding value, key. */
#define SENSITIVE_BYTES (2 + 2 + 2 + (2 + sizeof(SecretTemporary)) + (2 + TPM_KEY_BYTES))

_Static_assert(TPM_WRAPPED_ATTRIBUTES == TPMA_OBJECT_NODA, "no other attribute may be set");

typedef struct Sensitive {
    uint8_t bytes[SENSITIVE_BYTES];
} Sensitive;

static void sensitive_done(Sensitive *sensitive)
{
    secret_erase(sensitive, sizeof(*sensitive));
}

/* --- the object --- */

static void write_sensitive(const SecretTemporary *blinding, const Secret *key, Sensitive *ret)
{
    Writer writer = writer_into(ret->bytes, sizeof(ret->bytes));

    writer_u16be(&writer, SENSITIVE_BYTES - 2);
    writer_u16be(&writer, TPM2_ALG_KEYEDHASH);
    writer_u16be(&writer, 0); /* no password */
    tpm_2b_write((BytesView){blinding->bytes, sizeof(blinding->bytes)}, &writer);
    tpm_2b_write(secret_view(key), &writer);
    assert(!writer.failed && writer.bytes.size == sizeof(ret->bytes));
}

/* Writes TPMT_PUBLIC, and computes its name. */
static int write_public(const SecretTemporary *blinding, const Secret *key,
                        const uint8_t policy[TPM_POLICY_BYTES], Bytes *ret,
                        uint8_t ret_name[TPM_NAME_BYTES])
{
    _cleanup_(writer_done) Writer writer = {0};
    uint8_t unique[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state;
    int r;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, blinding->bytes, sizeof(blinding->bytes));
    crypto_hash_sha256_update(&state, secret_view(key).data, secret_size(key));
    crypto_hash_sha256_final(&state, unique);
    secret_erase(&state, sizeof(state));

    writer_u16be(&writer, TPM2_ALG_KEYEDHASH);
    writer_u16be(&writer, TPM2_ALG_SHA256);
    writer_u32be(&writer, TPM_WRAPPED_ATTRIBUTES);
    tpm_2b_write((BytesView){policy, TPM_POLICY_BYTES}, &writer);
    writer_u16be(&writer, TPM2_ALG_NULL); /* scheme */
    tpm_2b_write((BytesView){unique, sizeof(unique)}, &writer);
    r = writer_take(&writer, ret);
    if (r != 0)
        return r;
    tpm_name_of(bytes_view(ret), ret_name);
    return 0;
}

/* --- the seed --- */

static int share_seed_ecc(const Context *context, const TpmStorageKey *parent, Writer *ret_secret,
                          SecretTemporary *ret_seed)
{
    _cleanup_(secret_temporary_done) SecretTemporary shared;
    EcdhPoint ephemeral;
    int r = ecdh_agree(context, &parent->point, &ephemeral, &shared);

    if (r != 0)
        return r;
    tcg_kdfe(&shared, DUPLICATE, ephemeral.x, parent->point.x, ret_seed);
    writer_u16be(ret_secret, 2 * (2 + ECDH_COORDINATE_BYTES));
    tpm_2b_write((BytesView){ephemeral.x, ECDH_COORDINATE_BYTES}, ret_secret);
    tpm_2b_write((BytesView){ephemeral.y, ECDH_COORDINATE_BYTES}, ret_secret);
    return 0;
}

static int share_seed_rsa(const Context *context, const TpmStorageKey *parent, Writer *ret_secret,
                          SecretTemporary *ret_seed)
{
    static const uint8_t label[] = DUPLICATE;
    _cleanup_(bytes_done) Bytes encrypted = {0};
    int r;

    context->random(context, ret_seed->bytes, sizeof(ret_seed->bytes));
    r = oaep_encrypt(parent->modulus, parent->exponent, (BytesView){label, sizeof(label)},
                     (BytesView){ret_seed->bytes, sizeof(ret_seed->bytes)}, &encrypted);
    if (r != 0)
        return r;
    tpm_2b_write(bytes_view(&encrypted), ret_secret);
    return 0;
}

/* --- the wrapping --- */

/* Writes TPM2B_PRIVATE, encrypted and authenticated with keys from SEED. */
static int write_private(const SecretTemporary *seed, const uint8_t name[TPM_NAME_BYTES],
                         const Sensitive *sensitive, Writer *writer)
{
    _cleanup_(secret_temporary_done) SecretTemporary cipher_key, mac_key;
    uint8_t ciphertext[SENSITIVE_BYTES], mac[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_state state;
    int r;

    tcg_kdfa(seed, "STORAGE", (BytesView){name, TPM_NAME_BYTES}, CFB_KEY_BYTES * 8, &cipher_key);
    tcg_kdfa(seed, "INTEGRITY", (BytesView){0}, sizeof(mac_key.bytes) * 8, &mac_key);
    r = cfb_encrypt(cipher_key.bytes, (BytesView){sensitive->bytes, sizeof(sensitive->bytes)},
                    ciphertext);
    if (r != 0)
        return r;
    crypto_auth_hmacsha256_init(&state, mac_key.bytes, sizeof(mac_key.bytes));
    crypto_auth_hmacsha256_update(&state, ciphertext, sizeof(ciphertext));
    crypto_auth_hmacsha256_update(&state, name, TPM_NAME_BYTES);
    crypto_auth_hmacsha256_final(&state, mac);
    secret_erase(&state, sizeof(state));

    writer_u16be(writer, 2 + sizeof(mac) + sizeof(ciphertext));
    tpm_2b_write((BytesView){mac, sizeof(mac)}, writer);
    writer_bytes(writer, (BytesView){ciphertext, sizeof(ciphertext)});
    return 0;
}

int tpm_wrap(const Context *context, const TpmStorageKey *parent, const Secret *key,
             const uint8_t policy[TPM_POLICY_BYTES], Reason *reason, Bytes *ret)
{
    _cleanup_(secret_temporary_done) SecretTemporary blinding, seed;
    _cleanup_(sensitive_done) Sensitive sensitive;
    _cleanup_(bytes_done) Bytes area = {0};
    _cleanup_(writer_done) Writer writer = {0}, secret = {0};
    uint8_t name[TPM_NAME_BYTES];
    int r;

    assert(secret_size(key) == TPM_KEY_BYTES);
    context->random(context, blinding.bytes, sizeof(blinding.bytes));
    write_sensitive(&blinding, key, &sensitive);
    r = write_public(&blinding, key, policy, &area, name);
    if (r == 0)
        r = parent->algorithm == TPM_ALGORITHM_ECC
                ? share_seed_ecc(context, parent, &secret, &seed)
                : share_seed_rsa(context, parent, &secret, &seed);
    if (r == 0)
        r = write_private(&seed, name, &sensitive, &writer);
    if (r == 0 && secret.failed)
        r = -ENOMEM;
    if (r == 0) {
        tpm_2b_write(bytes_view(&area), &writer);
        writer_bytes(&writer, bytes_view(&secret.bytes));
        r = writer_take(&writer, ret);
    }
    return r == 0 ? 0 : reason_set(reason, r, "cannot seal for the host's storage key");
}
