/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/ssh_key.h"

#include "base/base64.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define SSH_TYPE      "ssh-ed25519"
#define SSH_MAGIC     "openssh-key-v1" /* with its NUL */
#define SSH_BEGIN     "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define SSH_END       "-----END OPENSSH PRIVATE KEY-----\n"
#define SSH_LINE      ((size_t)70)
/* Block size for the padding of an unencrypted file, bytes. */
#define SSH_BLOCK     ((size_t)8)

/* The public key in SSH's wire format, as put_public_key() writes it. */
#define PUBLIC_BYTES  (4 + (uint32_t)strlen(SSH_TYPE) + 4 + crypto_sign_PUBLICKEYBYTES)
/* More than the longest comment and everything else need, in binary form. */
#define SSH_BYTES_MAX ((size_t)1024)

static void put_public_key(Writer *writer, const uint8_t *key)
{
    writer_string(writer, text_view(SSH_TYPE));
    writer_string(writer, (BytesView){key, crypto_sign_PUBLICKEYBYTES});
}

/* PAIR is a secret key in libsodium's terms: the seed followed by the public key. */
static int ssh_binary(const Context *context, const Secret *pair, const char *comment,
                      Reason *reason, Secret **ret)
{
    const uint8_t *public = secret_view(pair).data + crypto_sign_SEEDBYTES;
    size_t private_bytes =
        2 * sizeof(uint32_t) + PUBLIC_BYTES + 4 + secret_size(pair) + 4 + strlen(comment);
    uint8_t padding = (uint8_t)(-private_bytes % SSH_BLOCK);
    Writer writer;
    uint32_t check;
    int r = secret_new(SSH_BYTES_MAX, reason, ret);

    if (r != 0)
        return r;
    writer = writer_into(secret_borrow(*ret), SSH_BYTES_MAX);
    writer_bytes(&writer, (BytesView){(const uint8_t *)SSH_MAGIC, sizeof(SSH_MAGIC)});
    writer_string(&writer, text_view("none")); /* cipher */
    writer_string(&writer, text_view("none")); /* key derivation */
    writer_string(&writer, text_view(""));     /* its options */
    writer_u32be(&writer, 1);                  /* keys */
    writer_u32be(&writer, PUBLIC_BYTES);
    put_public_key(&writer, public);
    writer_u32be(&writer, (uint32_t)private_bytes + padding);
    context->random(context, &check, sizeof(check));
    writer_u32be(&writer, check);
    writer_u32be(&writer, check);
    put_public_key(&writer, public);
    writer_string(&writer, secret_view(pair));
    writer_string(&writer, text_view(comment));
    for (uint8_t i = 1; i <= padding; i++)
        writer_bytes(&writer, (BytesView){&i, 1});
    assert(!writer.failed);
    secret_truncate(*ret, writer.bytes.size);
    return 0;
}

/* Breaks BASE64 into lines, between the BEGIN and END lines. */
static int ssh_armor(const Secret *base64, Reason *reason, Secret **ret)
{
    BytesView text = secret_view(base64);
    size_t capacity = 2 * text.size + strlen(SSH_BEGIN SSH_END);
    Writer writer;
    int r = secret_new(capacity, reason, ret);

    if (r != 0)
        return r;
    writer = writer_into(secret_borrow(*ret), capacity);
    writer_text(&writer, SSH_BEGIN);
    for (size_t offset = 0; offset < text.size; offset += SSH_LINE) {
        size_t rest = text.size - offset;

        writer_bytes(&writer, (BytesView){text.data + offset, rest < SSH_LINE ? rest : SSH_LINE});
        writer_text(&writer, "\n");
    }
    writer_text(&writer, SSH_END);
    secret_truncate(*ret, writer.bytes.size);
    return 0;
}

int ssh_key_new(const Context *context, const char *comment, Reason *reason, Secret **ret)
{
    _cleanup_(secret_freep) Secret *pair = NULL, *binary = NULL, *base64 = NULL;
    _cleanup_(secret_temporary_done) SecretTemporary seed;
    uint8_t public[crypto_sign_PUBLICKEYBYTES];
    int r = secret_new(crypto_sign_SECRETKEYBYTES, reason, &pair);

    _Static_assert(sizeof(seed.bytes) == crypto_sign_SEEDBYTES, "it fits");
    if (r != 0)
        return r;
    context->random(context, seed.bytes, sizeof(seed.bytes));
    crypto_sign_seed_keypair(public, secret_borrow(pair), seed.bytes);
    r = ssh_binary(context, pair, comment, reason, &binary);
    if (r == 0)
        r = secret_to_base64(secret_view(binary), reason, &base64);
    return r == 0 ? ssh_armor(base64, reason, ret) : r;
}

/* Finds the text between the BEGIN and END lines of FILE. */
static bool ssh_body(const Secret *file, BytesView *ret)
{
    BytesView text = secret_view(file);
    const uint8_t *begin =
        text.size ? memmem(text.data, text.size, SSH_BEGIN, strlen(SSH_BEGIN)) : NULL;
    const uint8_t *end =
        text.size ? memmem(text.data, text.size, SSH_END, strlen(SSH_END) - 1) : NULL;

    if (!begin || !end || end < begin + strlen(SSH_BEGIN))
        return false;
    begin += strlen(SSH_BEGIN);
    *ret = (BytesView){begin, (size_t)(end - begin)};
    return true;
}

/* Finds the public key, in SSH's wire format, in BINARY. */
static bool ssh_public_key(BytesView binary, BytesView *ret)
{
    Reader reader = reader_new(binary), key;
    BytesView magic = reader_take(&reader, sizeof(SSH_MAGIC));

    /* skip cipher, key derivation and its options: the public key is not encrypted */
    for (int i = 0; i < 3; i++)
        reader_string(&reader);
    if (!magic.data || memcmp(magic.data, SSH_MAGIC, sizeof(SSH_MAGIC)) != 0 ||
        reader_u32be(&reader) != 1)
        return false;
    *ret = reader_string(&reader);
    key = reader_new(*ret);
    return bytes_view_equal(reader_string(&key), text_view(SSH_TYPE)) &&
           reader_string(&key).size == crypto_sign_PUBLICKEYBYTES && key.rest.size == 0 &&
           !reader.failed;
}

int ssh_key_public(const Secret *file, const char *comment, Reason *reason, Bytes *ret)
{
    _cleanup_(secret_freep) Secret *binary = NULL;
    _cleanup_(bytes_done) Bytes base64 = {0};
    _cleanup_(writer_done) Writer writer = {0};
    BytesView body, key;
    int r;

    if (!ssh_body(file, &body))
        return reason_set(reason, OUTCOME_MALFORMED, "it is not an OpenSSH private key");
    r = secret_from_base64(body, reason, &binary);
    if (r == 0 && !ssh_public_key(secret_view(binary), &key))
        r = reason_set(reason, OUTCOME_MALFORMED, "it does not contain an ed25519 key");
    if (r == 0)
        r = base64_encode(key, 0, &base64);
    if (r != 0)
        return r;
    writer_text(&writer, SSH_TYPE " ");
    writer_bytes(&writer, bytes_view(&base64));
    writer_text(&writer, " ");
    writer_text(&writer, comment);
    writer_text(&writer, "\n");
    return writer_take(&writer, ret);
}
