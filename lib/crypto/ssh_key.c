/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ed25519 keys in OpenSSH's formats. See ssh_key.h.
 */

#include "crypto/ssh_key.h"

#include "base/base64.h"
#include "secret/secret_base64.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define SSH_TYPE  "ssh-ed25519"
#define SSH_MAGIC "openssh-key-v1" /* with its NUL */
#define SSH_BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----\n"
#define SSH_END   "-----END OPENSSH PRIVATE KEY-----\n"
#define SSH_LINE  ((size_t)70)
/* Block size for the padding of an unencrypted file, bytes. */
#define SSH_BLOCK ((size_t)8)

/* Writes to a secret of exactly the right size, which is asserted at the end. */
typedef struct SshWriter {
    uint8_t *at;
} SshWriter;

static void put(SshWriter *writer, const void *bytes, size_t size)
{
    memcpy(writer->at, bytes, size);
    writer->at += size;
}

static void put_u32(SshWriter *writer, size_t value)
{
    uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                       (uint8_t)value};

    put(writer, bytes, sizeof(bytes));
}

static void put_string(SshWriter *writer, const void *bytes, size_t size)
{
    put_u32(writer, size);
    put(writer, bytes, size);
}

static size_t string_size(size_t size)
{
    return 4 + size;
}

#define SSH_PUBLIC_BYTES (4 + strlen(SSH_TYPE) + 4 + crypto_sign_PUBLICKEYBYTES)

/* Size of the private part, without and with padding. */
static size_t private_size(const char *comment)
{
    return 2 * 4 + SSH_PUBLIC_BYTES + string_size(crypto_sign_SECRETKEYBYTES) +
           string_size(strlen(comment));
}

static size_t padded_private_size(const char *comment)
{
    return (private_size(comment) + SSH_BLOCK - 1) / SSH_BLOCK * SSH_BLOCK;
}

static void put_public_key(SshWriter *writer, const uint8_t *key)
{
    put_string(writer, SSH_TYPE, strlen(SSH_TYPE));
    put_string(writer, key, crypto_sign_PUBLICKEYBYTES);
}

/* PAIR is a secret key in libsodium's terms: the seed followed by the public key. */
static void put_private_part(SshWriter *writer, const uint8_t *pair, size_t check,
                             const char *comment)
{
    size_t padding = padded_private_size(comment) - private_size(comment);

    put_u32(writer, padded_private_size(comment));
    put_u32(writer, check);
    put_u32(writer, check);
    put_public_key(writer, pair + crypto_sign_SEEDBYTES);
    put_string(writer, pair, crypto_sign_SECRETKEYBYTES);
    put_string(writer, comment, strlen(comment));
    for (size_t i = 0; i < padding; i++)
        *writer->at++ = (uint8_t)(i + 1);
}

static int ssh_binary(const Context *context, const Secret *pair, const char *comment,
                      Reason *reason, Secret **ret)
{
    static const char none[] = "none";
    size_t size = sizeof(SSH_MAGIC) + 2 * string_size(strlen(none)) + string_size(0) + 4 +
                  string_size(SSH_PUBLIC_BYTES) + string_size(padded_private_size(comment));
    SshWriter writer;
    uint32_t check;
    int r = secret_new(size, reason, ret);

    if (r != 0)
        return r;
    writer.at = secret_borrow(*ret);
    context->random(context, &check, sizeof(check));
    put(&writer, SSH_MAGIC, sizeof(SSH_MAGIC));
    put_string(&writer, none, strlen(none)); /* cipher */
    put_string(&writer, none, strlen(none)); /* key derivation */
    put_string(&writer, "", 0);              /* its options */
    put_u32(&writer, 1);                     /* keys */
    put_u32(&writer, SSH_PUBLIC_BYTES);
    put_public_key(&writer, secret_view(pair).data + crypto_sign_SEEDBYTES);
    put_private_part(&writer, secret_view(pair).data, check, comment);
    assert(writer.at == secret_borrow(*ret) + size);
    return 0;
}

/* Breaks BASE64 into lines, between the BEGIN and END lines. */
static int ssh_armor(const Secret *base64, Reason *reason, Secret **ret)
{
    BytesView text = secret_view(base64);
    size_t lines = (text.size + SSH_LINE - 1) / SSH_LINE;
    SshWriter writer;
    int r = secret_new(strlen(SSH_BEGIN) + text.size + lines + strlen(SSH_END), reason, ret);

    if (r != 0)
        return r;
    writer.at = secret_borrow(*ret);
    put(&writer, SSH_BEGIN, strlen(SSH_BEGIN));
    for (size_t offset = 0; offset < text.size; offset += SSH_LINE) {
        size_t rest = text.size - offset;

        put(&writer, text.data + offset, rest < SSH_LINE ? rest : SSH_LINE);
        put(&writer, "\n", 1);
    }
    put(&writer, SSH_END, strlen(SSH_END));
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

static BytesView take_string(Reader *reader)
{
    return reader_take(reader, reader_u32be(reader));
}

static bool equals(BytesView view, const char *text, size_t size)
{
    return bytes_view_equal(view, (BytesView){(const uint8_t *)text, size});
}

/* Finds the public key, in SSH's wire format, in BINARY. */
static bool ssh_public_key(BytesView binary, BytesView *ret)
{
    Reader reader = reader_new(binary), key;
    BytesView magic = reader_take(&reader, sizeof(SSH_MAGIC));

    take_string(
        &reader); /* skip cipher, key derivation and its options: the public key is not encrypted */
    take_string(&reader);
    take_string(&reader);
    if (!equals(magic, SSH_MAGIC, sizeof(SSH_MAGIC)) || reader_u32be(&reader) != 1)
        return false;
    *ret = take_string(&reader);
    key = reader_new(*ret);
    return equals(take_string(&key), SSH_TYPE, strlen(SSH_TYPE)) &&
           take_string(&key).size == crypto_sign_PUBLICKEYBYTES && key.rest.size == 0 &&
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
    writer_bytes(&writer, (BytesView){(const uint8_t *)SSH_TYPE " ", strlen(SSH_TYPE " ")});
    writer_bytes(&writer, bytes_view(&base64));
    writer_bytes(&writer, (BytesView){(const uint8_t *)" ", 1});
    writer_bytes(&writer, (BytesView){(const uint8_t *)comment, strlen(comment)});
    writer_bytes(&writer, (BytesView){(const uint8_t *)"\n", 1});
    return writer_take(&writer, ret);
}
