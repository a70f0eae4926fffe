/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tpm/blob.h"

#include "tpm/policy.h"

#include <sodium.h>
#include <string.h>
#include <tss2/tss2_mu.h>

/* Attributes that a sealed key may have. Others would let it be used without its policy
 * (userWithAuth), or mean that it is not a sealed key. */
#define ATTRIBUTES_ALLOWED                                                                         \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_STCLEAR | TPMA_OBJECT_FIXEDPARENT |                        \
     TPMA_OBJECT_ADMINWITHPOLICY | TPMA_OBJECT_NODA | TPMA_OBJECT_ENCRYPTEDDUPLICATION)

/* Attributes that an object sealed outside the TPM cannot have. */
#define ATTRIBUTES_FIXED                                                                           \
    (TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT | TPMA_OBJECT_ENCRYPTEDDUPLICATION)

BytesView tpm_2b_read(Reader *reader)
{
    return reader_take(reader, reader_u16be(reader));
}

void tpm_2b_write(BytesView view, Writer *writer)
{
    writer_u16be(writer, (uint16_t)view.size);
    writer_bytes(writer, view);
}

void tpm_name_of(BytesView area, uint8_t ret_name[TPM_NAME_BYTES])
{
    ret_name[0] = TPM2_ALG_SHA256 >> 8;
    ret_name[1] = TPM2_ALG_SHA256 & 0xff;
    crypto_hash_sha256(ret_name + 2, area.data, area.size);
}

/* Copies them to a TPM2B's buffer; false if they do not fit or are missing. */
static bool copy_2b(Reader *reader, uint8_t *buffer, size_t capacity, UINT16 *ret_size)
{
    BytesView view = tpm_2b_read(reader);

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
    policy = tpm_2b_read(&reader);
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
    area = tpm_2b_read(&reader);
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
