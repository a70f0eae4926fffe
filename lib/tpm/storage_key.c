/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public part of a storage key. See storage_key.h.
 */

#include "tpm/storage_key.h"

#include "tpm/blob.h"
#include "tpm/tpm.h"

#include <sodium.h>
#include <string.h>

/* The attributes of the two templates differ only in noDA (TCG TPM v2.0 Provisioning
 * Guidance, 7.5.1, for the SRK). */
#define LEGACY_ATTRIBUTES UINT32_C(0x00030072)
#define SRK_ATTRIBUTES    (LEGACY_ATTRIBUTES | TPMA_OBJECT_NODA)

#define CIPHER_BITS       128
#define MODULUS_BITS      2048U
/* The meaning of exponent 0, and the only one that TPMs must support. */
#define DEFAULT_EXPONENT  UINT32_C(65537)
/* The type that Esys_TR_Serialize() writes for an object with a public area. */
#define SERIALIZED_KEY    UINT32_C(1)
/* The smallest primes. A modulus that is divisible by one of them is damaged. */
static const unsigned primes[] = {3,  5,  7,  11, 13, 17, 19, 23, 29, 31, 37, 41, 43,
                                  47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101};

static BytesView read_2b(Reader *reader)
{
    uint16_t size = reader_u16be(reader);

    return reader_take(reader, size);
}

static bool is_storage_cipher(Reader *reader)
{
    uint16_t algorithm = reader_u16be(reader);
    uint16_t bits = reader_u16be(reader);
    uint16_t mode = reader_u16be(reader);

    return algorithm == TPM2_ALG_AES && bits == CIPHER_BITS && mode == TPM2_ALG_CFB;
}

/* Right-aligned in the whole field; some TPMs omit leading zeros. */
static bool copy_coordinate(BytesView view, uint8_t ret[ECDH_COORDINATE_BYTES])
{
    if (view.size == 0 || view.size > ECDH_COORDINATE_BYTES)
        return false;
    memset(ret, 0, ECDH_COORDINATE_BYTES);
    memcpy(ret + ECDH_COORDINATE_BYTES - view.size, view.data, view.size);
    return true;
}

/* Returns NULL, or what is wrong. */
static const char *parse_ecc(Reader *reader, TpmStorageKey *key)
{
    uint16_t scheme = reader_u16be(reader);
    uint16_t curve = reader_u16be(reader);
    uint16_t kdf = reader_u16be(reader);
    BytesView x = read_2b(reader), y = read_2b(reader);

    if (reader->failed)
        return "it is truncated";
    if (curve != TPM2_ECC_NIST_P256)
        return "its curve is not P-256";
    if (scheme != TPM2_ALG_NULL || kdf != TPM2_ALG_NULL)
        return "it has a scheme, which storage keys do not have";
    if (!copy_coordinate(x, key->point.x) || !copy_coordinate(y, key->point.y))
        return "the coordinates of its point have the wrong size";
    return NULL;
}

static bool has_small_factor(BytesView modulus)
{
    for (size_t i = 0; i < sizeof(primes) / sizeof(primes[0]); i++) {
        unsigned rest = 0;

        for (size_t j = 0; j < modulus.size; j++)
            rest = (rest << 8 | modulus.data[j]) % primes[i];
        if (rest == 0)
            return true;
    }
    return false;
}

static const char *parse_rsa(Reader *reader, TpmStorageKey *key)
{
    uint16_t scheme = reader_u16be(reader);
    uint16_t bits = reader_u16be(reader);
    uint32_t exponent = reader_u32be(reader);

    key->modulus = read_2b(reader);
    if (reader->failed)
        return "it is truncated";
    if (scheme != TPM2_ALG_NULL)
        return "it has a scheme, which storage keys do not have";
    if (bits != MODULUS_BITS || key->modulus.size != MODULUS_BITS / 8)
        return "the size of its modulus is not 2048 bits";
    if (exponent != 0 && exponent != DEFAULT_EXPONENT)
        return "its exponent is not 65537";
    if (!(key->modulus.data[0] & 0x80) || !(key->modulus.data[key->modulus.size - 1] & 1) ||
        has_small_factor(key->modulus))
        return "its modulus is not a product of two large primes";
    key->exponent = DEFAULT_EXPONENT;
    return NULL;
}

/* Parses a TPMT_PUBLIC. Returns NULL, or what is wrong. */
static const char *parse_area(Reader *reader, TpmStorageKey *key)
{
    uint16_t name_algorithm;
    uint32_t attributes;
    const char *wrong;
    BytesView policy;

    key->algorithm = reader_u16be(reader);
    name_algorithm = reader_u16be(reader);
    attributes = reader_u32be(reader);
    policy = read_2b(reader);
    if (reader->failed)
        return "it is truncated";
    if (key->algorithm != TPM_ALGORITHM_ECC && key->algorithm != TPM_ALGORITHM_RSA)
        return "it is neither P-256 nor RSA";
    if (name_algorithm != TPM2_ALG_SHA256)
        return "it is not named by SHA-256";
    if (attributes != SRK_ATTRIBUTES && attributes != LEGACY_ATTRIBUTES)
        return "its attributes are not those of systemd's storage keys";
    if (policy.size != 0)
        return "it has a policy, which storage keys do not have";
    if (!is_storage_cipher(reader))
        return reader->failed ? "it is truncated" : "its cipher is not AES-128-CFB";
    key->role = attributes == SRK_ATTRIBUTES ? TPM_STORAGE_SRK : TPM_STORAGE_LEGACY;
    wrong = key->algorithm == TPM_ALGORITHM_ECC ? parse_ecc(reader, key) : parse_rsa(reader, key);
    if (!wrong && reader->rest.size != 0)
        wrong = "there is data after it";
    return wrong;
}

static void compute_name(TpmStorageKey *key)
{
    key->name[0] = TPM2_ALG_SHA256 >> 8;
    key->name[1] = TPM2_ALG_SHA256 & 0xff;
    crypto_hash_sha256(key->name + 2, key->area.data, key->area.size);
}

int tpm_storage_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret)
{
    Reader outer = reader_new(bytes), inner;
    TpmStorageKey key = {.area = read_2b(&outer)};
    const char *wrong;
    int r = 0;

    inner = reader_new(key.area);
    if (outer.failed)
        wrong = "it is truncated";
    else if (outer.rest.size != 0)
        wrong = "there is data after it";
    else
        wrong = parse_area(&inner, &key);
    if (!wrong && key.algorithm == TPM_ALGORITHM_ECC)
        r = ecdh_check(&key.point);
    if (r < 0)
        return reason_set(reason, r, "cannot check the storage key");
    if (r > 0)
        wrong = "its point is not on the curve";
    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the storage key: %s", wrong);
    compute_name(&key);
    *ret = key;
    return 0;
}

int tpm_storage_key_pin(const TpmStorageKey *key, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    writer_u32be(&writer, TPM_SRK_HANDLE);
    writer_u16be(&writer, TPM_NAME_BYTES);
    writer_bytes(&writer, (BytesView){key->name, sizeof(key->name)});
    writer_u32be(&writer, SERIALIZED_KEY);
    writer_u16be(&writer, (uint16_t)key->area.size);
    writer_bytes(&writer, key->area);
    return writer_take(&writer, ret);
}
