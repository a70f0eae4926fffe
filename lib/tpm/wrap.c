/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Seals a key for another host's TPM. See wrap.h.
 *
 * An object consists of its public area, whose digest is its name, and its sensitive area: the key,
 * and a value that blinds its digest in the public area. A fresh seed (seed.h) protects it. There
 * is no inner wrapper, which would only protect from those who know the storage key.
 */

#include "tpm/wrap.h"

#include "tpm/blob.h"
#include "tpm/seed.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

/* The purpose of a seed that is shared with a storage key. */
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

/* --- the wrapping --- */

int tpm_wrap(const Context *context, const TpmStorageKey *parent, const Secret *key,
             const uint8_t policy[TPM_POLICY_BYTES], Reason *reason, Bytes *ret)
{
    _cleanup_(secret_temporary_done) SecretTemporary blinding;
    _cleanup_(tcg_key_done) TcgKey seed;
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
        r = tpm_seed_share(context, parent, DUPLICATE, &secret, &seed);
    if (r == 0)
        r = tpm_seed_protect(parent->template, &seed, name,
                             (BytesView){sensitive.bytes, sizeof(sensitive.bytes)}, &writer);
    if (r == 0) {
        tpm_2b_write(bytes_view(&area), &writer);
        writer_bytes(&writer, bytes_view(&secret.bytes));
        r = writer_take(&writer, ret);
    }
    return r == 0 ? 0 : reason_set(reason, r, "cannot seal for the host's storage key");
}
