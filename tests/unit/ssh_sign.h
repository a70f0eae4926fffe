/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Signs as ssh-keygen does, with an Ed25519 key of libsodium's. tests/unit/test_ssh_keygen.c has
 * the real one.
 */

#include "base/base64.h"
#include "fleet/ssh_signature.h"

#include <sodium.h>

/* A public key in SSH's wire format. -ENOMEM. */
static inline int ssh_wire_key(const uint8_t *public, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    writer_string(&writer, text_view("ssh-ed25519"));
    writer_string(&writer, (BytesView){public, crypto_sign_PUBLICKEYBYTES});
    return writer_take(&writer, ret);
}

/* The armored signature of MESSAGE; KEY is the public half in SSH's wire format. -ENOMEM. */
static inline int ssh_sign(BytesView message, const uint8_t *secret, BytesView key, Bytes *ret)
{
    _cleanup_(writer_done) Writer text = {0}, blob = {0}, inner = {0}, armor = {0};
    _cleanup_(bytes_done) Bytes base64 = {0};
    uint8_t digest[crypto_hash_sha512_BYTES], signature[crypto_sign_BYTES];

    crypto_hash_sha512(digest, message.data, message.size);
    writer_text(&text, "SSHSIG");
    writer_string(&text, text_view(SSH_SIGNATURE_NAMESPACE));
    writer_string(&text, text_view(""));
    writer_string(&text, text_view("sha512"));
    writer_string(&text, (BytesView){digest, sizeof(digest)});
    crypto_sign_detached(signature, NULL, text.bytes.data, text.bytes.size, secret);
    writer_string(&inner, text_view("ssh-ed25519"));
    writer_string(&inner, (BytesView){signature, sizeof(signature)});
    writer_text(&blob, "SSHSIG");
    writer_u32be(&blob, 1);
    writer_string(&blob, key);
    writer_string(&blob, text_view(SSH_SIGNATURE_NAMESPACE));
    writer_string(&blob, text_view(""));
    writer_string(&blob, text_view("sha512"));
    writer_string(&blob, bytes_view(&inner.bytes));
    if (base64_encode(bytes_view(&blob.bytes), 70, &base64) != 0)
        return -1;
    writer_text(&armor, "-----BEGIN SSH SIGNATURE-----\n");
    writer_bytes(&armor, bytes_view(&base64));
    writer_text(&armor, "-----END SSH SIGNATURE-----\n");
    return writer_take(&armor, ret);
}
