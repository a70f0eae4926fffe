/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/storage_key.h"

#include "tpm/blob.h"

#include <sodium.h>
#include <string.h>

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
        return "it is neither ECC nor RSA";
    ret->ecc = type == TPM_ALGORITHM_ECC;
    ret->name_algorithm = reader_u16be(&reader);
    ret->attributes = reader_u32be(&reader);
    ret->policy = tpm_2b_read(&reader);
    ret->cipher = reader_u16be(&reader);
    if (!reader.failed && ret->cipher != TPM2_ALG_AES)
        return "its cipher is not AES";
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

/* --- keys by a template --- */

/* The templates of one purpose, and what is wrong if a key has none of them. */
typedef struct Family {
    const char *name;
    const TpmKeyTemplate *templates;
    size_t count;
    const char *attributes, *curve, *bits;
} Family;

static const Family storage_keys = {
    .name = "storage",
    .templates = tpm_storage_templates,
    .count = TPM_STORAGE_TEMPLATES,
    .attributes = "its attributes are not those of systemd's storage keys",
    .curve = "its curve is not P-256",
    .bits = "the size of its modulus is not 2048 bits",
};

static const Family endorsement_keys = {
    .name = "endorsement",
    .templates = tpm_endorsement_templates,
    .count = _TPM_ENDORSEMENT_MAX,
    .attributes = "its attributes are not those of endorsement keys",
    .curve = "its curve is not P-256, or P-384 in the high range",
    .bits = "the size of its modulus is not 2048 bits, or 3072 or 4096 bits in the high range",
};

static uint16_t curve_or_bits(const TpmKeyTemplate *template)
{
    if (template->algorithm == TPM_ALGORITHM_RSA)
        return template->bits;
    return template->curve == ECDH_P384 ? TPM2_ECC_NIST_P384 : TPM2_ECC_NIST_P256;
}

/* Finds the template with the attributes and the size of AREA. Returns NULL, or what is wrong. */
static const char *find_template(const Area *area, const Family *family, const TpmKeyTemplate **ret)
{
    const char *wrong = family->attributes;

    for (size_t i = 0; i < family->count; i++) {
        const TpmKeyTemplate *template = &family->templates[i];

        if ((template->algorithm == TPM_ALGORITHM_ECC) != area->ecc ||
            template->attributes != area->attributes)
            continue;
        if (curve_or_bits(template) == area->curve_or_bits) {
            *ret = template;
            return NULL;
        }
        wrong = area->ecc ? family->curve : family->bits;
    }
    return wrong;
}

/* Checks what finding it has not. */
static const char *check_template(const Area *area, const TpmKeyTemplate *template)
{
    bool sha384 = template->hash == TCG_SHA384;

    if (area->name_algorithm != (sha384 ? TPM2_ALG_SHA384 : TPM2_ALG_SHA256))
        return sha384 ? "it is not named by SHA-384" : "it is not named by SHA-256";
    if (!bytes_view_equal(area->policy, template->policy))
        return template->policy.size == 0 ? "it has a policy, which storage keys do not have"
                                          : "its policy is not that of its template";
    if (area->cipher_bits != template->cipher_bits || area->cipher_mode != TPM2_ALG_CFB)
        return template->cipher_bits == 256 ? "its cipher is not AES-256-CFB"
                                            : "its cipher is not AES-128-CFB";
    if (area->scheme != TPM2_ALG_NULL)
        return "it has a scheme, which such keys do not have";
    return NULL;
}

/* Right-aligned in the whole field; some TPMs omit leading zeros. */
static bool copy_coordinate(BytesView view, size_t size, uint8_t *ret)
{
    if (view.size == 0 || view.size > size)
        return false;
    memset(ret, 0, size);
    memcpy(ret + size - view.size, view.data, view.size);
    return true;
}

/* Returns NULL, or what is wrong. */
static const char *take_ecc(const Area *area, TpmStorageKey *key)
{
    size_t size = ecdh_coordinate_bytes(key->template->curve);

    if (area->kdf_or_exponent != TPM2_ALG_NULL)
        return "it has a scheme, which such keys do not have";
    key->point.curve = key->template->curve;
    if (!copy_coordinate(area->x, size, key->point.x) ||
        !copy_coordinate(area->y, size, key->point.y))
        return "the coordinates of its point have the wrong size";
    return NULL;
}

static const char *take_rsa(const Area *area, TpmStorageKey *key)
{
    BytesView modulus = area->x;

    if (modulus.size != key->template->bits / 8U)
        return "its modulus has the wrong size";
    if (area->kdf_or_exponent != 0 && area->kdf_or_exponent != DEFAULT_EXPONENT)
        return "its exponent is not 65537";
    if (!(modulus.data[0] & 0x80) || !(modulus.data[modulus.size - 1] & 1) ||
        has_small_factor(modulus))
        return "its modulus is not a product of two large primes";
    key->modulus = modulus;
    key->exponent = DEFAULT_EXPONENT;
    return NULL;
}

static const char *parse_area(BytesView view, const Family *family, TpmStorageKey *key)
{
    Area area;
    const char *wrong = read_area(view, &area);

    if (!wrong)
        wrong = find_template(&area, family, &key->template);
    if (!wrong)
        wrong = check_template(&area, key->template);
    if (wrong)
        return wrong;
    key->algorithm = key->template->algorithm;
    key->role = key->template->role;
    return area.ecc ? take_ecc(&area, key) : take_rsa(&area, key);
}

static int parse(BytesView bytes, const Family *family, Reason *reason, TpmStorageKey *ret)
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
        wrong = parse_area(key.area, family, &key);
    if (!wrong && key.algorithm == TPM_ALGORITHM_ECC)
        r = ecdh_check(&key.point);
    if (r < 0)
        return reason_set(reason, r, "cannot check the %s key", family->name);
    if (r > 0)
        wrong = "its point is not on the curve";
    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the %s key: %s", family->name, wrong);
    if (key.template->hash == TCG_SHA256)
        tpm_name_of(key.area, key.name);
    *ret = key;
    return 0;
}

int tpm_storage_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret)
{
    return parse(bytes, &storage_keys, reason, ret);
}

int tpm_endorsement_key_parse(BytesView bytes, Reason *reason, TpmStorageKey *ret)
{
    return parse(bytes, &endorsement_keys, reason, ret);
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
