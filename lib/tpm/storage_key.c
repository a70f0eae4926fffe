/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/storage_key.h"

#include "tpm/blob.h"

#include <sodium.h>
#include <string.h>

/* The attributes of the two templates differ only in noDA (TCG TPM v2.0 Provisioning
 * Guidance, 7.5.1, for the SRK). */
#define SRK_ATTRIBUTES       (TPM_LEGACY_ATTRIBUTES | TPMA_OBJECT_NODA)

#define MODULUS_BITS         2048U
/* The meaning of exponent 0, and the only one that TPMs must support. */
#define DEFAULT_EXPONENT     UINT32_C(65537)
/* The type that Esys_TR_Serialize() writes for an object with a public area. */
#define SERIALIZED_KEY       UINT32_C(1)
/* The largest coordinate (P-521) and modulus (RSA-4096) of a pinned key, bytes. */
#define COORDINATE_BYTES_MAX ((size_t)66)
#define MODULUS_BYTES_MAX    ((size_t)512)

/* The smallest primes. A modulus that is divisible by one of them is damaged. */
static const unsigned primes[] = {3,  5,  7,  11, 13, 17, 19, 23, 29, 31, 37, 41, 43,
                                  47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101};

/* A TPMT_PUBLIC of an ECC or RSA key with a cipher, which other objects do not have. */
typedef struct Area {
    bool ecc; /* else RSA */
    uint16_t name_algorithm;
    uint32_t attributes;
    BytesView policy;
    uint16_t cipher, cipher_bits, cipher_mode;
    uint16_t scheme;
    uint16_t curve_or_bits;
    uint32_t kdf_or_exponent;
    BytesView x, y; /* RSA: the modulus, and nothing */
} Area;

/* Returns NULL, or what is wrong. Checks no values. */
static const char *read_area(BytesView view, Area *ret)
{
    Reader reader = reader_new(view);
    uint16_t type = reader_u16be(&reader);

    if (!reader.failed && type != TPM_ALGORITHM_ECC && type != TPM_ALGORITHM_RSA)
        return "it is neither P-256 nor RSA";
    ret->ecc = type == TPM_ALGORITHM_ECC;
    ret->name_algorithm = reader_u16be(&reader);
    ret->attributes = reader_u32be(&reader);
    ret->policy = tpm_2b_read(&reader);
    ret->cipher = reader_u16be(&reader);
    if (!reader.failed && ret->cipher != TPM2_ALG_AES)
        return "its cipher is not AES-128-CFB";
    ret->cipher_bits = reader_u16be(&reader);
    ret->cipher_mode = reader_u16be(&reader);
    ret->scheme = reader_u16be(&reader);
    ret->curve_or_bits = reader_u16be(&reader);
    ret->kdf_or_exponent = ret->ecc ? reader_u16be(&reader) : reader_u32be(&reader);
    ret->x = tpm_2b_read(&reader);
    ret->y = ret->ecc ? tpm_2b_read(&reader) : (BytesView){0};
    if (reader.failed)
        return "it is truncated";
    return reader.rest.size > 0 ? "there is data after it" : NULL;
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

/* --- keys to seal for --- */

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
static const char *take_ecc(const Area *area, TpmStorageKey *key)
{
    if (area->curve_or_bits != TPM2_ECC_NIST_P256)
        return "its curve is not P-256";
    if (area->kdf_or_exponent != TPM2_ALG_NULL)
        return "it has a scheme, which storage keys do not have";
    if (!copy_coordinate(area->x, key->point.x) || !copy_coordinate(area->y, key->point.y))
        return "the coordinates of its point have the wrong size";
    return NULL;
}

static const char *take_rsa(const Area *area, TpmStorageKey *key)
{
    BytesView modulus = area->x;

    if (area->curve_or_bits != MODULUS_BITS || modulus.size != MODULUS_BITS / 8)
        return "the size of its modulus is not 2048 bits";
    if (area->kdf_or_exponent != 0 && area->kdf_or_exponent != DEFAULT_EXPONENT)
        return "its exponent is not 65537";
    if (!(modulus.data[0] & 0x80) || !(modulus.data[modulus.size - 1] & 1) ||
        has_small_factor(modulus))
        return "its modulus is not a product of two large primes";
    key->modulus = modulus;
    key->exponent = DEFAULT_EXPONENT;
    return NULL;
}

static const char *parse_storage(BytesView view, TpmStorageKey *key)
{
    Area area;
    const char *wrong = read_area(view, &area);

    if (wrong)
        return wrong;
    if (area.name_algorithm != TPM2_ALG_SHA256)
        return "it is not named by SHA-256";
    if (area.attributes != SRK_ATTRIBUTES && area.attributes != TPM_LEGACY_ATTRIBUTES)
        return "its attributes are not those of systemd's storage keys";
    if (area.policy.size != 0)
        return "it has a policy, which storage keys do not have";
    if (area.cipher_bits != TPM_AES_BITS || area.cipher_mode != TPM2_ALG_CFB)
        return "its cipher is not AES-128-CFB";
    if (area.scheme != TPM2_ALG_NULL)
        return "it has a scheme, which storage keys do not have";
    key->algorithm = area.ecc ? TPM_ALGORITHM_ECC : TPM_ALGORITHM_RSA;
    key->role = area.attributes == SRK_ATTRIBUTES ? TPM_STORAGE_SRK : TPM_STORAGE_LEGACY;
    return area.ecc ? take_ecc(&area, key) : take_rsa(&area, key);
}

/* The policies of the two kinds of templates: TPM2_PolicySecret of the endorsement hierarchy, and
 * that or TPM2_PolicyAuthorizeNV (TCG EK Credential Profile, Annex B.6). */
static const uint8_t policies[][TPM_POLICY_BYTES] = {
    {0x83, 0x71, 0x97, 0x67, 0x44, 0x84, 0xb3, 0xf8, 0x1a, 0x90, 0xcc,
     0x8d, 0x46, 0xa5, 0xd7, 0x24, 0xfd, 0x52, 0xd7, 0x6e, 0x06, 0x52,
     0x0b, 0x64, 0xf2, 0xa1, 0xda, 0x1b, 0x33, 0x14, 0x69, 0xaa},
    {0xca, 0x3d, 0x0a, 0x99, 0xa2, 0xb9, 0x39, 0x06, 0xf7, 0xa3, 0x34,
     0x24, 0x14, 0xef, 0xcf, 0xb3, 0xa3, 0x85, 0xd4, 0x4c, 0xd1, 0xfd,
     0x45, 0x90, 0x89, 0xd1, 0x9b, 0x50, 0x71, 0xc0, 0xb7, 0xa0},
};

BytesView tpm_endorsement_policy(TpmStorageRole role)
{
    return (BytesView){policies[role == TPM_ENDORSEMENT_HIGH], TPM_POLICY_BYTES};
}

static const char *parse_endorsement(BytesView view, TpmStorageKey *key)
{
    Area area;
    const char *wrong = read_area(view, &area);

    if (wrong)
        return wrong;
    if (area.name_algorithm != TPM2_ALG_SHA256)
        return "it is not named by SHA-256";
    if (area.attributes != TPM_ENDORSEMENT_LOW_ATTRIBUTES &&
        area.attributes != TPM_ENDORSEMENT_HIGH_ATTRIBUTES)
        return "its attributes are not those of endorsement keys";
    key->role = area.attributes == TPM_ENDORSEMENT_LOW_ATTRIBUTES ? TPM_ENDORSEMENT_LOW
                                                                  : TPM_ENDORSEMENT_HIGH;
    if (!bytes_view_equal(area.policy, tpm_endorsement_policy(key->role)))
        return "its policy is not that of its template";
    if (area.cipher_bits != TPM_AES_BITS || area.cipher_mode != TPM2_ALG_CFB)
        return "its cipher is not AES-128-CFB";
    if (area.scheme != TPM2_ALG_NULL)
        return "it has a scheme, which endorsement keys do not have";
    key->algorithm = area.ecc ? TPM_ALGORITHM_ECC : TPM_ALGORITHM_RSA;
    return area.ecc ? take_ecc(&area, key) : take_rsa(&area, key);
}

/* WHAT is the key's name in a reason. */
static int parse(BytesView bytes, const char *(*parse_area)(BytesView, TpmStorageKey *),
                 const char *what, Reason *reason, TpmStorageKey *ret)
{
    Reader outer = reader_new(bytes);
    TpmStorageKey key = {.area = tpm_2b_read(&outer)};
    const char *wrong;
    int r = 0;

    if (outer.failed)
        wrong = "it is truncated";
    else if (outer.rest.size != 0)
        wrong = "there is data after it";
    else
        wrong = parse_area(key.area, &key);
    if (!wrong && key.algorithm == TPM_ALGORITHM_ECC)
        r = ecdh_check(&key.point);
    if (r < 0)
        return reason_set(reason, r, "cannot check the %s key", what);
    if (r > 0)
        wrong = "its point is not on the curve";
    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the %s key: %s", what, wrong);
    tpm_name_of(key.area, key.name);
    *ret = key;
    return 0;
}

int tpm_storage_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret)
{
    return parse(bytes, parse_storage, "storage", reason, ret);
}

int tpm_endorsement_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret)
{
    return parse(bytes, parse_endorsement, "endorsement", reason, ret);
}

/* --- pinned keys --- */

int tpm_storage_key_pin(const TpmStorageKey *key, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};

    writer_u32be(&writer, TPM_SRK_HANDLE);
    tpm_2b_write((BytesView){key->name, sizeof(key->name)}, &writer);
    writer_u32be(&writer, SERIALIZED_KEY);
    tpm_2b_write(key->area, &writer);
    return writer_take(&writer, ret);
}

static bool is_number(BytesView view, size_t max)
{
    return view.size > 0 && view.size <= max;
}

/* Whether AREA is a storage key, of any size that TPMs support. */
static bool is_storage_key(const Area *area)
{
    static const uint32_t needed = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;

    if (area->name_algorithm != TPM2_ALG_SHA256 || (area->attributes & needed) != needed ||
        area->attributes & TPMA_OBJECT_SIGN_ENCRYPT ||
        area->policy.size > TPM2_SHA512_DIGEST_SIZE ||
        (area->cipher_bits != 128 && area->cipher_bits != 192 && area->cipher_bits != 256) ||
        area->cipher_mode != TPM2_ALG_CFB || area->scheme != TPM2_ALG_NULL)
        return false;
    if (area->ecc)
        return area->curve_or_bits != 0 && area->kdf_or_exponent == TPM2_ALG_NULL &&
               is_number(area->x, COORDINATE_BYTES_MAX) && is_number(area->y, COORDINATE_BYTES_MAX);
    return is_number(area->x, MODULUS_BYTES_MAX) && area->curve_or_bits == area->x.size * 8;
}

int tpm_srk_parse(BytesView srk, Reason *reason, TpmSrk *ret)
{
    Reader reader = reader_new(srk);
    uint32_t handle = reader_u32be(&reader);
    BytesView name = tpm_2b_read(&reader);
    uint32_t type = reader_u32be(&reader);
    BytesView public = reader.rest, area = tpm_2b_read(&reader);
    uint8_t expected[TPM_NAME_BYTES];
    const char *wrong = NULL;
    Area parsed;

    tpm_name_of(area, expected);
    if (reader.failed || reader.rest.size != 0)
        wrong = "it has the wrong size";
    else if (handle != TPM_SRK_HANDLE)
        wrong = "its handle is not 0x81000001";
    else if (type != SERIALIZED_KEY || read_area(area, &parsed) || !is_storage_key(&parsed))
        wrong = "it is not a storage key";
    else if (!bytes_view_equal(name, (BytesView){expected, sizeof(expected)}))
        wrong = "its name does not match its public key";
    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the pinned storage root key in the header: %s", wrong);
    *ret = (TpmSrk){
        .algorithm = parsed.ecc ? TPM_ALGORITHM_ECC : TPM_ALGORITHM_RSA,
        .name = name,
        .public = public,
    };
    return 0;
}
