/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/seed.h"

#include "tpm/blob.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static int share_ecc(const Context *context, const TpmStorageKey *key, const char *label,
                     Writer *secret, TcgKey *ret_seed)
{
    _cleanup_(ecdh_shared_done) EcdhShared shared;
    size_t size = ecdh_coordinate_bytes(key->point.curve);
    EcdhPoint ephemeral;
    int r = ecdh_agree(context, &key->point, &ephemeral, &shared);

    if (r == 0)
        r = tcg_kdfe(key->template->hash, (BytesView){shared.x, size}, label,
                     (BytesView){ephemeral.x, size}, (BytesView){key->point.x, size}, ret_seed);
    if (r != 0)
        return r;
    writer_u16be(secret, (uint16_t)(2 * (2 + size)));
    tpm_2b_write((BytesView){ephemeral.x, size}, secret);
    tpm_2b_write((BytesView){ephemeral.y, size}, secret);
    return 0;
}

/* The label includes its NUL. */
static int share_rsa(const Context *context, const TpmStorageKey *key, const char *label,
                     Writer *secret, TcgKey *ret_seed)
{
    _cleanup_(bytes_done) Bytes encrypted = {0};
    OaepKey oaep = {key->template->hash, key->modulus, key->exponent};
    int r;

    ret_seed->size = tcg_digest_bytes(oaep.hash);
    context->random(context, ret_seed->bytes, ret_seed->size);
    r = oaep_encrypt(&oaep, (BytesView){(const uint8_t *)label, strlen(label) + 1},
                     tcg_key_view(ret_seed), &encrypted);
    if (r != 0)
        return r;
    tpm_2b_write(bytes_view(&encrypted), secret);
    return 0;
}

int tpm_seed_share(const Context *context, const TpmStorageKey *key, const char *label,
                   Writer *secret, TcgKey *ret_seed)
{
    int r = key->algorithm == TPM_ALGORITHM_ECC ? share_ecc(context, key, label, secret, ret_seed)
                                                : share_rsa(context, key, label, secret, ret_seed);

    return r == 0 && secret->failed ? -ENOMEM : r;
}

int tpm_seed_protect(const TpmKeyTemplate *template, const TcgKey *seed,
                     const uint8_t name[TPM_NAME_BYTES], BytesView bytes, Writer *writer)
{
    _cleanup_(tcg_key_done) TcgKey cipher_key, mac_key;
    uint8_t ciphertext[TPM_PROTECTED_BYTES_MAX], mac[TCG_DIGEST_BYTES_MAX];
    size_t mac_size = tcg_digest_bytes(template->hash);
    BytesView name_view = {name, TPM_NAME_BYTES};
    int r;

    assert(bytes.size <= sizeof(ciphertext));
    r = tcg_kdfa(template->hash, seed, "STORAGE", name_view, template->cipher_bits, &cipher_key);
    if (r == 0)
        r = tcg_kdfa(template->hash, seed, "INTEGRITY", (BytesView){0}, (unsigned)mac_size * 8,
                     &mac_key);
    if (r == 0)
        r = cfb_encrypt(tcg_key_view(&cipher_key), bytes, ciphertext);
    if (r == 0)
        r = tcg_hmac(template->hash, &mac_key, (BytesView){ciphertext, bytes.size}, name_view, mac);
    if (r != 0)
        return r;
    writer_u16be(writer, (uint16_t)(2 + mac_size + bytes.size));
    tpm_2b_write((BytesView){mac, mac_size}, writer);
    writer_bytes(writer, (BytesView){ciphertext, bytes.size});
    return 0;
}
