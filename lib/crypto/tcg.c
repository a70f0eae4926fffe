/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "crypto/tcg.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <string.h>

/* --- hashes --- */

static const EVP_MD *digest(TcgHash hash)
{
    return hash == TCG_SHA384 ? EVP_sha384() : EVP_sha256();
}

size_t tcg_digest_bytes(TcgHash hash)
{
    return hash == TCG_SHA384 ? 48 : 32;
}

void tcg_key_done(TcgKey *key)
{
    secret_erase(key, sizeof(*key));
}

BytesView tcg_key_view(const TcgKey *key)
{
    return (BytesView){key->bytes, key->size};
}

/* The text that is hashed. It may be secret. */
typedef struct Text {
    uint8_t bytes[TCG_TEXT_BYTES_MAX];
} Text;

static void text_done(Text *text)
{
    secret_erase(text, sizeof(*text));
}

static int hmac(TcgHash hash, const TcgKey *key, const Writer *text, uint8_t *ret)
{
    assert(!text->failed);
    return HMAC(digest(hash), key->bytes, (int)key->size, text->bytes.data, text->bytes.size, ret,
                NULL)
               ? 0
               : -EIO;
}

int tcg_hmac(TcgHash hash, const TcgKey *key, BytesView text, BytesView more, uint8_t *ret)
{
    _cleanup_(text_done) Text joined;
    Writer writer = writer_into(joined.bytes, sizeof(joined.bytes));

    writer_bytes(&writer, text);
    writer_bytes(&writer, more);
    return hmac(hash, key, &writer, ret);
}

/* --- key derivation --- */

/* The counter of the first round. */
#define COUNTER 1U

static void write_label(Writer *writer, const char *label)
{
    writer_bytes(writer, (BytesView){(const uint8_t *)label, strlen(label) + 1});
}

int tcg_kdfa(TcgHash hash, const TcgKey *key, const char *label, BytesView context, unsigned bits,
             TcgKey *ret)
{
    _cleanup_(tcg_key_done) TcgKey derived = {.size = bits / 8};
    _cleanup_(text_done) Text text;
    Writer writer = writer_into(text.bytes, sizeof(text.bytes));
    int r;

    assert(bits % 8 == 0 && derived.size <= tcg_digest_bytes(hash));
    writer_u32be(&writer, COUNTER);
    write_label(&writer, label);
    writer_bytes(&writer, context);
    writer_u32be(&writer, bits);
    r = hmac(hash, key, &writer, derived.bytes);
    if (r != 0)
        return r;
    secret_erase(derived.bytes + derived.size, sizeof(derived.bytes) - derived.size);
    *ret = derived;
    return 0;
}

int tcg_kdfe(TcgHash hash, BytesView z, const char *label, BytesView u, BytesView v, TcgKey *ret)
{
    _cleanup_(tcg_key_done) TcgKey derived = {.size = tcg_digest_bytes(hash)};
    _cleanup_(text_done) Text text;
    Writer writer = writer_into(text.bytes, sizeof(text.bytes));

    writer_u32be(&writer, COUNTER);
    writer_bytes(&writer, z);
    write_label(&writer, label);
    writer_bytes(&writer, u);
    writer_bytes(&writer, v);
    assert(!writer.failed);
    if (EVP_Digest(text.bytes, writer.bytes.size, derived.bytes, NULL, digest(hash), NULL) != 1)
        return -EIO;
    *ret = derived;
    return 0;
}

/* --- AES-CFB --- */

DEFINE_CLEANUP(EVP_CIPHER_CTX *, EVP_CIPHER_CTX_free);

int cfb_encrypt(BytesView key, BytesView text, uint8_t *ret)
{
    static const uint8_t iv[16];
    _cleanup_(EVP_CIPHER_CTX_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *cipher = key.size == 32 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128();
    int written = 0, rest = 0;

    assert((key.size == 16 || key.size == 32) && text.size <= INT_MAX);
    if (!context || EVP_EncryptInit_ex(context, cipher, NULL, key.data, iv) != 1 ||
        EVP_EncryptUpdate(context, ret, &written, text.data, (int)text.size) != 1 ||
        EVP_EncryptFinal_ex(context, ret + written, &rest) != 1)
        return -EIO;
    return 0;
}

/* --- RSA-OAEP --- */

DEFINE_CLEANUP(BIGNUM *, BN_free);
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free);
DEFINE_CLEANUP(EVP_PKEY_CTX *, EVP_PKEY_CTX_free);

static int read_key(BytesView modulus, uint32_t exponent, EVP_PKEY **ret)
{
    uint8_t native[OAEP_MODULUS_MAX_BYTES]; /* in this machine's byte order */
    _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(modulus.data, (int)modulus.size, NULL);
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, native, modulus.size),
        OSSL_PARAM_construct_uint32(OSSL_PKEY_PARAM_RSA_E, &exponent),
        OSSL_PARAM_construct_end(),
    };

    assert(modulus.size <= sizeof(native));
    if (!n || !context || BN_bn2nativepad(n, native, (int)modulus.size) < 0)
        return -ENOMEM;
    if (EVP_PKEY_fromdata_init(context) != 1)
        return -EIO;
    if (EVP_PKEY_fromdata(context, ret, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        return OUTCOME_MALFORMED;
    return 0;
}

/* Returns a context that is ready to encrypt; NULL if libcrypto fails. */
static EVP_PKEY_CTX *begin(EVP_PKEY *key, TcgHash hash, BytesView label)
{
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context =
        EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    void *copy; /* the context takes it over */

    if (!context || EVP_PKEY_encrypt_init(context) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) != 1 ||
        EVP_PKEY_CTX_set_rsa_oaep_md(context, digest(hash)) != 1 ||
        EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest(hash)) != 1)
        return NULL;
    copy = OPENSSL_memdup(label.data, label.size);
    if (!copy)
        return NULL;
    if (EVP_PKEY_CTX_set0_rsa_oaep_label(context, copy, (int)label.size) != 1) {
        OPENSSL_free(copy);
        return NULL;
    }
    return TAKE_PTR(context);
}

int oaep_encrypt(const OaepKey *key, BytesView label, BytesView text, Bytes *ret)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *read = NULL;
    _cleanup_(EVP_PKEY_CTX_freep) EVP_PKEY_CTX *context = NULL;
    _cleanup_(bytes_done) Bytes encrypted = {0};
    int r = read_key(key->modulus, key->exponent, &read);

    if (r != 0)
        return r;
    context = begin(read, key->hash, label);
    encrypted.size = key->modulus.size;
    encrypted.data = malloc(encrypted.size);
    if (!context || !encrypted.data)
        return -ENOMEM;
    if (EVP_PKEY_encrypt(context, encrypted.data, &encrypted.size, text.data, text.size) != 1)
        return OUTCOME_MALFORMED;
    if (encrypted.size != key->modulus.size)
        return -EIO;
    *ret = TAKE(encrypted);
    return 0;
}
