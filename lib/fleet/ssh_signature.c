/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "fleet/ssh_signature.h"

#include "base/base64.h"
#include "base/names.h"
#include "crypto/ecdsa.h"

#include <sodium.h>

#define BEGIN              "-----BEGIN SSH SIGNATURE-----\n"
#define END                "-----END SSH SIGNATURE-----\n"
/* Characters in a line of base64. */
#define LINE               ((size_t)70)

#define MAGIC              "SSHSIG"
#define VERSION            1
#define HASH               "sha512"
/* The application of a token's key, unless its owner chose another one. */
#define APPLICATION        "ssh:"
#define CURVE              "nistp256"
/* The flag by which a token says that somebody touched it. */
#define FLAG_USER_PRESENT  0x01
/* An uncompressed point begins with this. */
#define POINT_UNCOMPRESSED 0x04
#define POINT_BYTES        (1 + 2 * ECDH_P256_BYTES)

/* Room for the bytes that are signed: magic, namespace, reserved, hash, digest. */
#define SIGNED_BYTES_MAX   ((size_t)128)

typedef enum KeyType { ED25519, SK_ED25519, ECDSA, _KEY_TYPE_MAX } KeyType;

static const char *const type_names[_KEY_TYPE_MAX] = {
    [ED25519] = "ssh-ed25519",
    [SK_ED25519] = "sk-ssh-ed25519@openssh.com",
    [ECDSA] = "ecdsa-sha2-nistp256",
};

typedef struct PublicKey {
    KeyType type;
    const uint8_t *ed25519; /* crypto_sign_PUBLICKEYBYTES; borrowed */
    EcdhPoint point;        /* ECDSA */
} PublicKey;

static bool is(BytesView view, const char *text)
{
    return bytes_view_equal(view, text_view(text));
}

/* --- keys --- */

static int unsupported(BytesView name, Reason *reason)
{
    char text[64];

    snprintf(text, sizeof(text), "%.*s", (int)name.size, name.data ? (const char *)name.data : "");
    return reason_set(reason, OUTCOME_NOT_SIGNED,
                      "keys of type %s are not supported, only %s, %s and %s",
                      text[0] && name_made_of(text, "-@.") ? text : "?", type_names[ED25519],
                      type_names[SK_ED25519], type_names[ECDSA]);
}

static int parse_key(BytesView blob, Reason *reason, PublicKey *ret)
{
    Reader reader = reader_new(blob);
    BytesView name = reader_string(&reader), bytes;
    bool valid = true;

    for (ret->type = 0; ret->type < _KEY_TYPE_MAX; ret->type++)
        if (is(name, type_names[ret->type]))
            break;
    if (ret->type == _KEY_TYPE_MAX)
        return unsupported(name, reason);
    if (ret->type == ECDSA)
        valid = is(reader_string(&reader), CURVE);
    bytes = reader_string(&reader);
    if (ret->type == SK_ED25519 && !is(reader_string(&reader), APPLICATION))
        return reason_set(reason, OUTCOME_NOT_SIGNED,
                          "the token's key is not for the application " APPLICATION);
    if (reader.failed || reader.rest.size > 0)
        valid = false;
    if (valid && ret->type == ECDSA) {
        valid = bytes.size == POINT_BYTES && bytes.data[0] == POINT_UNCOMPRESSED;
        if (valid) {
            memcpy(ret->point.x, bytes.data + 1, ECDH_P256_BYTES);
            memcpy(ret->point.y, bytes.data + 1 + ECDH_P256_BYTES, ECDH_P256_BYTES);
        }
    } else {
        valid = valid && bytes.size == crypto_sign_PUBLICKEYBYTES;
        ret->ed25519 = bytes.data;
    }
    return valid ? 0 : reason_set(reason, OUTCOME_NOT_SIGNED, "the public key is not valid");
}

int ssh_signature_check_key(BytesView key, Reason *reason)
{
    PublicKey public = {0};
    int r = parse_key(key, reason, &public);

    if (r == 0 && public.type == ECDSA)
        r = ecdh_check(&public.point);
    if (r == OUTCOME_MALFORMED)
        r = reason_set(reason, OUTCOME_NOT_SIGNED, "the public key is not a point of the curve");
    return r;
}

/* --- the signature's envelope --- */

void ssh_signature_done(SshSignature *signature)
{
    bytes_done(&signature->binary);
    *signature = (SshSignature){0};
}

static int malformed(Reason *reason)
{
    return reason_set(reason, OUTCOME_NOT_SIGNED, "it is not a signature by ssh-keygen");
}

/* Decodes ARMOR, and encodes the result again: everything else that would mean the same is refused.
 */
static int unarmor(BytesView armor, Reason *reason, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes binary = {0}, base64 = {0}, again = {0};
    size_t frame = strlen(BEGIN) + strlen(END);
    int r;

    if (armor.size > LIMIT_SSH_SIGNATURE_BYTES)
        return reason_set(reason, OUTCOME_NOT_SIGNED, "it is too large to be a signature");
    if (armor.size <= frame)
        return malformed(reason);
    r = base64_decode((BytesView){armor.data + strlen(BEGIN), armor.size - frame}, &binary);
    if (r > 0)
        return malformed(reason);
    if (r == 0)
        r = base64_encode(bytes_view(&binary), LINE, &base64);
    if (r != 0)
        return r;
    writer_text(&writer, BEGIN);
    writer_bytes(&writer, bytes_view(&base64));
    writer_text(&writer, END);
    r = writer_take(&writer, &again);
    if (r == 0 && !bytes_view_equal(bytes_view(&again), armor))
        return malformed(reason);
    if (r == 0)
        *ret = TAKE(binary);
    return r;
}

int ssh_signature_parse(BytesView armor, Reason *reason, SshSignature *ret)
{
    _cleanup_(ssh_signature_done) SshSignature signature = {0};
    BytesView namespace, reserved, hash;
    Reader reader;
    int r = unarmor(armor, reason, &signature.binary);

    if (r != 0)
        return r;
    reader = reader_new(bytes_view(&signature.binary));
    if (!is(reader_take(&reader, strlen(MAGIC)), MAGIC) || reader_u32be(&reader) != VERSION)
        return malformed(reason);
    signature.key = reader_string(&reader);
    namespace = reader_string(&reader);
    reserved = reader_string(&reader);
    hash = reader_string(&reader);
    signature.signature = reader_string(&reader);
    if (reader.failed || reader.rest.size > 0 || reserved.size > 0)
        return malformed(reason);
    if (!is(namespace, SSH_SIGNATURE_NAMESPACE))
        return reason_set(reason, OUTCOME_NOT_SIGNED,
                          "it is not for the namespace " SSH_SIGNATURE_NAMESPACE);
    if (!is(hash, HASH))
        return reason_set(reason, OUTCOME_NOT_SIGNED, "its digest is not " HASH);
    *ret = TAKE(signature);
    return 0;
}

/* --- verifying --- */

static int verify_ed25519(const PublicKey *key, BytesView signature, BytesView message)
{
    return signature.size == crypto_sign_BYTES &&
                   crypto_sign_verify_detached(signature.data, message.data, message.size,
                                               key->ed25519) == 0
               ? 0
               : OUTCOME_NOT_SIGNED;
}

/* Tokens sign SHA256(application) ‖ flags ‖ counter ‖ SHA256(message). READER has flags and
 * counter, which follow the signature. */
static int verify_sk(const PublicKey *key, BytesView signature, Reader *reader, BytesView message)
{
    BytesView details = reader_take(reader, 1 + sizeof(uint32_t));
    uint8_t text[2 * crypto_hash_sha256_BYTES + 1 + sizeof(uint32_t)];

    if (reader->failed || !(details.data[0] & FLAG_USER_PRESENT))
        return OUTCOME_NOT_SIGNED;
    crypto_hash_sha256(text, (const uint8_t *)APPLICATION, strlen(APPLICATION));
    memcpy(text + crypto_hash_sha256_BYTES, details.data, details.size);
    crypto_hash_sha256(text + crypto_hash_sha256_BYTES + details.size, message.data, message.size);
    return verify_ed25519(key, signature, (BytesView){text, sizeof(text)});
}

/* Reads a positive number (RFC 4251, mpint), without the zero byte that keeps it positive. Its
 * shortest form alone is accepted. Empty if it is anything else. */
static BytesView take_number(Reader *reader)
{
    BytesView number = reader_string(reader);

    if (number.size == 0 || number.data[0] >= 0x80)
        return (BytesView){0};
    if (number.data[0] > 0)
        return number;
    return number.size > 1 && number.data[1] >= 0x80 ? (BytesView){number.data + 1, number.size - 1}
                                                     : (BytesView){0};
}

static int verify_ecdsa(const PublicKey *key, BytesView signature, BytesView message)
{
    Reader reader = reader_new(signature);
    BytesView r = take_number(&reader), s = take_number(&reader);

    if (r.size == 0 || s.size == 0 || reader.rest.size > 0)
        return OUTCOME_NOT_SIGNED;
    return ecdsa_verify(&key->point, r, s, message);
}

/* Writes the bytes that ssh-keygen has the key sign for MESSAGE. */
static BytesView signed_bytes(BytesView message, uint8_t buffer[SIGNED_BYTES_MAX])
{
    Writer writer = writer_into(buffer, SIGNED_BYTES_MAX);
    uint8_t digest[crypto_hash_sha512_BYTES];

    crypto_hash_sha512(digest, message.data, message.size);
    writer_text(&writer, MAGIC);
    writer_string(&writer, text_view(SSH_SIGNATURE_NAMESPACE));
    writer_string(&writer, text_view("")); /* reserved */
    writer_string(&writer, text_view(HASH));
    writer_string(&writer, (BytesView){digest, sizeof(digest)});
    return bytes_view(&writer.bytes);
}

int ssh_signature_verify(const SshSignature *signature, BytesView message, Reason *reason)
{
    Reader reader = reader_new(signature->signature);
    BytesView name = reader_string(&reader), bytes = reader_string(&reader);
    uint8_t buffer[SIGNED_BYTES_MAX];
    PublicKey key = {0};
    int r = parse_key(signature->key, reason, &key);

    if (r != 0)
        return r;
    message = signed_bytes(message, buffer);
    if (!is(name, type_names[key.type]))
        r = OUTCOME_NOT_SIGNED;
    else if (key.type == SK_ED25519)
        r = verify_sk(&key, bytes, &reader, message);
    else if (key.type == ECDSA)
        r = verify_ecdsa(&key, bytes, message);
    else
        r = verify_ed25519(&key, bytes, message);
    if (r == 0 && reader.rest.size > 0)
        r = OUTCOME_NOT_SIGNED;
    if (r > 0)
        r = reason_set(reason, r, "it does not fit the statement%s",
                       key.type == SK_ED25519 ? ", or nobody touched the token" : "");
    return r;
}
