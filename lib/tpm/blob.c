/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sealed keys and pinned storage root keys as bytes. See blob.h.
 */

#include "tpm/blob.h"

#include "tpm/policy.h"

#include <sodium.h>
#include <string.h>
#include <tss2/tss2_mu.h>

/* --- sealed keys --- */

/* Attributes that a sealed key may have. Others would let it be used without its policy
 * (userWithAuth), or mean that it is not a sealed key. */
#define ATTRIBUTES_ALLOWED                                                                         \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_STCLEAR | TPMA_OBJECT_FIXEDPARENT |                        \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_NODA | TPMA_OBJECT_ENCRYPTEDDUPLICATION)

/* Attributes that an object sealed outside the TPM cannot have. */
#define ATTRIBUTES_FIXED                                                                           \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_ENCRYPTEDDUPLICATION)

/* Takes the size-prefixed bytes of any TPM2B type. */
static BytesView read_2b(Reader *reader)
{
    uint16_t size = reader_u16be(reader);

    return reader_take(reader, size);
}

/* Copies them to a TPM2B's buffer; false if they do not fit or are missing. */
static bool copy_2b(Reader *reader, uint8_t *buffer, size_t capacity, UINT16 *ret_size)
{
    BytesView view = read_2b(reader);

    if (reader->failed || view.size > capacity)
        return false;
    if (view.size)
        memcpy(buffer, view.data, view.size);
    *ret_size = (UINT16)view.size;
    return true;
}

/* Parses the TPMT_PUBLIC of a sealed key. Returns NULL, or what is wrong. */
static const char *parse_sealed_public(BytesView view, BytesView policy_hash, TPMT_PUBLIC *ret)
{
    Reader reader = reader_new(view);
    TPMT_PUBLIC area = {0};
    BytesView policy;

    area.type = reader_u16be(&reader);
    area.nameAlg = reader_u16be(&reader);
    area.objectAttributes = reader_u32be(&reader);
    policy = read_2b(&reader);
    area.parameters.keyedHashDetail.scheme.scheme = reader_u16be(&reader);
    if (!copy_2b(&reader, area.unique.keyedHash.buffer, sizeof(area.unique.keyedHash.buffer),
                 &area.unique.keyedHash.size) ||
        reader.rest.size != 0)
        return "its public part has the wrong size";
    if (area.type != TPM2_ALG_KEYEDHASH || area.nameAlg != TPM2_ALG_SHA256 ||
        area.parameters.keyedHashDetail.scheme.scheme != TPM2_ALG_NULL)
        return "it is another type of object";
    if (area.objectAttributes & TPMA_OBJECT_USERWITHAUTH)
        return "it also opens with an empty password, whatever its policy";
    if (area.objectAttributes & ~ATTRIBUTES_ALLOWED)
        return "it has attributes that sealed keys must not have";
    if (!bytes_view_equal(policy, policy_hash))
        return "its policy differs from the one in the header";
    if (area.unique.keyedHash.size != TPM2_SHA256_DIGEST_SIZE)
        return "its unique part has the wrong size";
    memcpy(area.authPolicy.buffer, policy.data, policy.size);
    area.authPolicy.size = (UINT16)policy.size;
    *ret = area;
    return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *parse_blob(BytesView view, BytesView policy_hash, TpmBlob *ret)
{
    Reader reader = reader_new(view);
    const char *wrong;
    BytesView area;

    if (policy_hash.size != TPM_POLICY_BYTES)
        return "the size of its policy hash is not 32 bytes";
    if (!copy_2b(&reader, ret->private_part.buffer, sizeof(ret->private_part.buffer),
                 &ret->private_part.size) ||
        ret->private_part.size == 0)
        return "its private part has the wrong size";
    area = read_2b(&reader);
    if (reader.failed)
        return "its public part has the wrong size";
    if (reader.rest.size != 0 &&
        (!copy_2b(&reader, ret->seed.secret, sizeof(ret->seed.secret), &ret->seed.size) ||
         ret->seed.size == 0 || reader.rest.size != 0))
        return "its seed has the wrong size";
    /* The size stays 0; the library sets it when it marshals the structure. */
    wrong = parse_sealed_public(area, policy_hash, &ret->public_part.publicArea);
    if (wrong)
        return wrong;
    if (ret->seed.size != 0 && (ret->public_part.publicArea.objectAttributes & ATTRIBUTES_FIXED))
        return "it has a seed, but its attributes do not let it leave the TPM that made it";
    return NULL;
}

int tpm_blob_parse(BytesView blob, BytesView policy_hash, Reason *reason, TpmBlob *ret)
{
    TpmBlob parsed = {0};
    const char *wrong = parse_blob(blob, policy_hash, &parsed);

    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED, "the TPM-sealed key in the header: %s", wrong);
    *ret = parsed;
    return 0;
}

int tpm_blob_write(const TPM2B_PRIVATE *private_part, const TPM2B_PUBLIC *public_part,
                   Reason *reason, Bytes *ret)
{
    uint8_t bytes[sizeof(*private_part) + sizeof(*public_part)];
    size_t size = 0;

    if (Tss2_MU_TPM2B_PRIVATE_Marshal(private_part, bytes, sizeof(bytes), &size) !=
            TSS2_RC_SUCCESS ||
        Tss2_MU_TPM2B_PUBLIC_Marshal(public_part, bytes, sizeof(bytes), &size) != TSS2_RC_SUCCESS)
        return reason_set(reason, OUTCOME_TPM_FAILED, "the TPM's response cannot be marshalled");
    return bytes_dup((BytesView){bytes, size}, ret);
}

/* --- pinned storage root keys --- */

/* The type that Esys_TR_Serialize() writes for an object with a public area. */
#define SERIALIZED_KEY       UINT32_C(1)
/* The largest coordinate (P-521) and modulus (RSA-4096), bytes. */
#define COORDINATE_BYTES_MAX ((size_t)66)
#define MODULUS_BYTES_MAX    ((size_t)512)

static bool is_storage_cipher(Reader *reader)
{
    uint16_t algorithm = reader_u16be(reader);
    uint16_t bits = reader_u16be(reader);
    uint16_t mode = reader_u16be(reader);

    return algorithm == TPM2_ALG_AES && (bits == 128 || bits == 192 || bits == 256) &&
           mode == TPM2_ALG_CFB;
}

static bool is_number(BytesView view, size_t max)
{
    return view.size > 0 && view.size <= max;
}

static bool is_ecc_key(Reader *reader)
{
    bool good = is_storage_cipher(reader);

    good &= reader_u16be(reader) == TPM2_ALG_NULL; /* scheme */
    good &= reader_u16be(reader) != 0;             /* curve */
    good &= reader_u16be(reader) == TPM2_ALG_NULL; /* kdf */
    good &= is_number(read_2b(reader), COORDINATE_BYTES_MAX);
    good &= is_number(read_2b(reader), COORDINATE_BYTES_MAX);
    return good;
}

static bool is_rsa_key(Reader *reader)
{
    bool good = is_storage_cipher(reader);
    uint16_t bits;

    good &= reader_u16be(reader) == TPM2_ALG_NULL; /* scheme */
    bits = reader_u16be(reader);
    reader_u32be(reader); /* exponent; 0 is the default */
    return good && bits % 8 == 0 && bits / 8 <= MODULUS_BYTES_MAX &&
           read_2b(reader).size == bits / 8;
}

/* Whether VIEW is the TPMT_PUBLIC of a storage key. */
static bool is_storage_key(BytesView view)
{
    static const uint32_t needed = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT;
    Reader reader = reader_new(view);
    uint16_t type = reader_u16be(&reader);
    uint16_t name_alg = reader_u16be(&reader);
    uint32_t attributes = reader_u32be(&reader);
    bool good;

    if (read_2b(&reader).size > TPM2_SHA512_DIGEST_SIZE) /* policy */
        return false;
    good = type == TPM2_ALG_ECC   ? is_ecc_key(&reader)
           : type == TPM2_ALG_RSA ? is_rsa_key(&reader)
                                  : false;
    return good && !reader.failed && reader.rest.size == 0 && name_alg == TPM2_ALG_SHA256 &&
           (attributes & needed) == needed && !(attributes & TPMA_OBJECT_SIGN_ENCRYPT);
}

/* Whether NAME (TPM2B_NAME without its size) is the name of the public area AREA. */
static bool is_name_of(BytesView name, BytesView area)
{
    Reader reader = reader_new(name);
    uint16_t algorithm = reader_u16be(&reader);
    uint8_t digest[crypto_hash_sha256_BYTES];

    crypto_hash_sha256(digest, area.data, area.size);
    return algorithm == TPM2_ALG_SHA256 &&
           bytes_view_equal(reader.rest, (BytesView){digest, sizeof(digest)});
}

int tpm_srk_check(BytesView srk, Reason *reason)
{
    Reader reader = reader_new(srk);
    uint32_t handle = reader_u32be(&reader);
    BytesView name = read_2b(&reader);
    uint32_t type = reader_u32be(&reader);
    BytesView area = read_2b(&reader);
    const char *wrong = NULL;

    if (reader.failed || reader.rest.size != 0)
        wrong = "it has the wrong size";
    else if (handle != TPM_SRK_HANDLE)
        wrong = "its handle is not 0x81000001";
    else if (type != SERIALIZED_KEY || !is_storage_key(area))
        wrong = "it is not a storage key";
    else if (!is_name_of(name, area))
        wrong = "its name does not match its public key";
    if (wrong)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the pinned storage root key in the header: %s", wrong);
    return 0;
}

int tpm_srk_name(BytesView srk, Reason *reason, BytesView *ret)
{
    Reader reader = reader_new(srk);
    int r = tpm_srk_check(srk, reason);

    if (r != 0)
        return r;
    reader_u32be(&reader);
    *ret = read_2b(&reader);
    return 0;
}

uint16_t tpm_srk_algorithm(BytesView srk)
{
    Reader reader = reader_new(srk), area;

    reader_u32be(&reader);
    read_2b(&reader);
    reader_u32be(&reader);
    area = reader_new(read_2b(&reader));
    return reader_u16be(&area);
}
