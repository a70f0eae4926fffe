/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The credential codec. See format.h, and docs/FORMAT.md for the layout:
 *
 *     main header      kind id, sizes, IV                        padded to 8 bytes
 *     TPM header       PCRs, primary, sealed key, policy digest  padded; kinds with a TPM
 *     public key       PCRs, PEM text                            padded; signed PCR policy
 *     storage root key serialised                                padded; pinned kinds
 *     scope            flags                                     scoped kinds
 *     ---- the above is the AAD, the below is encrypted ----
 *     metadata         times, name                               padded
 *     plaintext
 *     ---- tag ----
 *
 * Integers are little-endian.
 */

#include "credential/format.h"

#include "base/base64.h"
#include "base/names.h"

#include <string.h>

/* Alignment of headers, bytes. */
#define ALIGNMENT          ((size_t)8)
/* The only sizes for AES-256-GCM (systemd writes block size 1, as for a stream cipher). */
#define CIPHER_KEY_BYTES   32U
#define CIPHER_BLOCK_BYTES 1U
/* systemd writes 12, and also reads 16. */
#define IV_MIN_BYTES       12U
#define IV_MAX_BYTES       16U
/* Characters in a line of base64. */
#define BASE64_LINE        79

/* --- file --- */

int credential_decode(BytesView file, Reason *reason, Bytes *ret)
{
    int r;

    if (file.size > LIMIT_FILE_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the file has %zu bytes, but at most %zu are allowed", file.size,
                          LIMIT_FILE_BYTES);
    /* No kind's id is valid base64, so a file that begins with one is raw. */
    if (file.size >= KIND_ID_BYTES && kind_find_by_id(file.data))
        return bytes_dup(file, ret);
    if (file.size == 0)
        return reason_set(reason, OUTCOME_MALFORMED, "the file is empty");
    r = base64_decode(file, ret);
    if (r > 0)
        return reason_set(reason, OUTCOME_MALFORMED, "it is neither base64 nor a raw credential");
    return r;
}

int credential_encode(BytesView sealed, Bytes *ret)
{
    return base64_encode(sealed, BASE64_LINE, ret);
}

/* --- parsing --- */

/* Checks the end of a header: nothing is missing, and the padding is zero. */
static int finish_header(Reader *reader, const char *what, Reason *reason)
{
    if (reader_skip_padding(reader, ALIGNMENT))
        return 0;
    return reason_set(reason, OUTCOME_MALFORMED, "the %s is truncated or badly padded", what);
}

/* Reads a field of SIZE bytes. */
static int take_field(Reader *reader, uint32_t size, const char *what, Reason *reason,
                      BytesView *ret)
{
    if (size > LIMIT_FIELD_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the %s has %u bytes, but at most %zu are allowed", what, size,
                          LIMIT_FIELD_BYTES);
    *ret = reader_take(reader, size);
    return 0;
}

static int parse_main(Reader *reader, Reason *reason, CredentialSections *sections)
{
    BytesView id = reader_take(reader, KIND_ID_BYTES);
    uint32_t key_size, block_size, iv_size, tag_size;

    if (reader->failed)
        return reason_set(reason, OUTCOME_MALFORMED, "it is truncated in the kind's id");
    sections->kind = kind_find_by_id(id.data);
    if (!sections->kind)
        return reason_set(reason, OUTCOME_UNKNOWN_KIND,
                          "it begins with %02x%02x%02x%02x…, which is not the id of a known kind",
                          id.data[0], id.data[1], id.data[2], id.data[3]);
    key_size = reader_u32le(reader);
    block_size = reader_u32le(reader);
    iv_size = reader_u32le(reader);
    tag_size = reader_u32le(reader);
    if (reader->failed)
        return reason_set(reason, OUTCOME_MALFORMED, "it is truncated in the main header");
    if (key_size != CIPHER_KEY_BYTES || block_size != CIPHER_BLOCK_BYTES ||
        tag_size != CREDENTIAL_TAG_BYTES)
        return reason_set(
            reason, OUTCOME_MALFORMED,
            "the key, block and tag sizes are %u, %u and %u, but must be %u, %u and %zu", key_size,
            block_size, tag_size, CIPHER_KEY_BYTES, CIPHER_BLOCK_BYTES, CREDENTIAL_TAG_BYTES);
    if (iv_size < IV_MIN_BYTES || iv_size > IV_MAX_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "the IV has %u bytes, but must have %u to %u",
                          iv_size, IV_MIN_BYTES, IV_MAX_BYTES);
    sections->iv = reader_take(reader, iv_size);
    return finish_header(reader, "main header", reason);
}

static int parse_tpm(Reader *reader, Reason *reason, TpmSealedView *tpm)
{
    uint32_t blob_size, policy_size;
    int r;

    tpm->pcr_mask = reader_u64le(reader);
    tpm->pcr_bank = reader_u16le(reader);
    tpm->primary_alg = reader_u16le(reader);
    blob_size = reader_u32le(reader);
    policy_size = reader_u32le(reader);
    if (reader->failed)
        return reason_set(reason, OUTCOME_MALFORMED, "it is truncated in the TPM header");
    if (tpm->pcr_mask & ~TPM_PCR_MASK_ALL)
        return reason_set(reason, OUTCOME_MALFORMED, "the TPM header names PCRs beyond %u",
                          TPM_PCR_COUNT - 1);
    if (tpm->primary_alg != TPM_ALGORITHM_ECC && tpm->primary_alg != TPM_ALGORITHM_RSA)
        return reason_set(
            reason, OUTCOME_MALFORMED,
            "the TPM header names a storage key of algorithm 0x%04x, but only ECC and "
            "RSA are known",
            tpm->primary_alg);
    if (policy_size != TPM_POLICY_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the TPM policy digest has %u bytes, but must have %zu", policy_size,
                          TPM_POLICY_BYTES);
    r = take_field(reader, blob_size, "TPM blob", reason, &tpm->blob);
    if (r != 0)
        return r;
    tpm->policy_hash = reader_take(reader, policy_size);
    return finish_header(reader, "TPM header", reason);
}

static int parse_public_key(Reader *reader, Reason *reason, TpmSealedView *tpm)
{
    uint32_t size;

    tpm->public_key_mask = reader_u64le(reader);
    size = reader_u32le(reader);
    if (!reader->failed && (tpm->public_key_mask & ~TPM_PCR_MASK_ALL))
        return reason_set(reason, OUTCOME_MALFORMED, "the public key header names PCRs beyond %u",
                          TPM_PCR_COUNT - 1);
    /* Otherwise the kind would promise a signed policy although nobody has to sign anything. */
    if (!reader->failed && (tpm->public_key_mask == 0 || size == 0))
        return reason_set(reason, OUTCOME_MALFORMED, "the public key header has no %s",
                          size == 0 ? "public key" : "PCRs");
    return take_field(reader, size, "PCR policy's public key", reason, &tpm->public_key);
}

static int parse_headers(Reader *reader, Reason *reason, CredentialSections *sections)
{
    TpmSealedView *tpm = &sections->tpm;
    int r = parse_main(reader, reason, sections);

    if (r == 0 && kind_has(sections->kind, KIND_TPM))
        r = parse_tpm(reader, reason, tpm);
    if (r == 0 && kind_has(sections->kind, KIND_PUBLIC_KEY))
        r = parse_public_key(reader, reason, tpm);
    if (r == 0 && kind_has(sections->kind, KIND_PUBLIC_KEY))
        r = finish_header(reader, "public key header", reason);
    if (r == 0 && kind_has(sections->kind, KIND_PINNED))
        r = take_field(reader, reader_u32le(reader), "storage root key", reason, &tpm->srk);
    if (r == 0 && kind_has(sections->kind, KIND_PINNED))
        r = finish_header(reader, "storage root key header", reason);
    if (r == 0 && kind_has(sections->kind, KIND_SCOPED)) {
        sections->scope_flags = reader_u64le(reader);
        r = finish_header(reader, "scope header", reason);
    }
    return r;
}

int credential_parse(BytesView sealed, Reason *reason, CredentialSections *ret)
{
    CredentialSections sections = {0};
    Reader reader = reader_new(sealed);
    int r;

    if (sealed.size > LIMIT_SEALED_BYTES)
        return reason_set(reason, OUTCOME_TOO_LARGE,
                          "the credential has %zu bytes, but at most %zu are allowed", sealed.size,
                          LIMIT_SEALED_BYTES);
    r = parse_headers(&reader, reason, &sections);
    if (r != 0)
        return r;
    if (reader.rest.size < CREDENTIAL_METADATA_MIN_BYTES + CREDENTIAL_TAG_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "it is truncated after the headers");
    sections.header = (BytesView){sealed.data, reader.offset};
    sections.ciphertext = reader_take(&reader, reader.rest.size - CREDENTIAL_TAG_BYTES);
    sections.tag = reader_take(&reader, CREDENTIAL_TAG_BYTES);
    *ret = sections;
    return 0;
}

int credential_unpack(BytesView file, Reason *reason, Bytes *ret_raw,
                      CredentialSections *ret_sections)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    int r = credential_decode(file, reason, &raw);

    if (r == 0)
        r = credential_parse(bytes_view(&raw), reason, ret_sections);
    if (r != 0)
        return r;
    *ret_raw = TAKE(raw);
    return 0;
}

TpmKeyLabel credential_key_label(BytesView file)
{
    _cleanup_(bytes_done) Bytes raw = {0};
    CredentialSections sections;

    return credential_unpack(file, NULL, &raw, &sections) == 0 && kind_has(sections.kind, KIND_TPM)
               ? tpm_key_label(&sections.tpm)
               : (TpmKeyLabel){0};
}

/* --- writing --- */

static void write_sized(Writer *writer, BytesView field)
{
    writer_u32le(writer, (uint32_t)field.size);
    writer_bytes(writer, field);
    writer_pad(writer, ALIGNMENT);
}

void credential_header_write(const CredentialSections *sections, Writer *writer)
{
    writer_bytes(writer, (BytesView){sections->kind->id.bytes, KIND_ID_BYTES});
    writer_u32le(writer, CIPHER_KEY_BYTES);
    writer_u32le(writer, CIPHER_BLOCK_BYTES);
    writer_u32le(writer, (uint32_t)sections->iv.size);
    writer_u32le(writer, (uint32_t)CREDENTIAL_TAG_BYTES);
    writer_bytes(writer, sections->iv);
    writer_pad(writer, ALIGNMENT);
    if (kind_has(sections->kind, KIND_TPM)) {
        writer_u64le(writer, sections->tpm.pcr_mask);
        writer_u16le(writer, sections->tpm.pcr_bank);
        writer_u16le(writer, sections->tpm.primary_alg);
        writer_u32le(writer, (uint32_t)sections->tpm.blob.size);
        writer_u32le(writer, (uint32_t)sections->tpm.policy_hash.size);
        writer_bytes(writer, sections->tpm.blob);
        writer_bytes(writer, sections->tpm.policy_hash);
        writer_pad(writer, ALIGNMENT);
    }
    if (kind_has(sections->kind, KIND_PUBLIC_KEY)) {
        writer_u64le(writer, sections->tpm.public_key_mask);
        write_sized(writer, sections->tpm.public_key);
    }
    if (kind_has(sections->kind, KIND_PINNED))
        write_sized(writer, sections->tpm.srk);
    if (kind_has(sections->kind, KIND_SCOPED))
        writer_u64le(writer, sections->scope_flags);
}

/* --- metadata --- */

bool credential_times_valid(const CredentialMetadata *metadata)
{
    return metadata->timestamp == USEC_INFINITY || metadata->not_after == USEC_INFINITY ||
           metadata->timestamp < metadata->not_after;
}

int credential_metadata_parse(BytesView decrypted, Reason *reason, CredentialMetadata *ret,
                              size_t *ret_size)
{
    CredentialMetadata metadata = {0};
    Reader reader = reader_new(decrypted);
    BytesView name;
    uint32_t size;

    metadata.timestamp = reader_u64le(&reader);
    metadata.not_after = reader_u64le(&reader);
    size = reader_u32le(&reader);
    if (!reader.failed && !credential_times_valid(&metadata))
        return reason_set(reason, OUTCOME_MALFORMED, "it expires before it was sealed");
    if (size > LIMIT_SEALED_NAME_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "the name has %u bytes, but at most %zu are allowed", size,
                          LIMIT_SEALED_NAME_BYTES);
    name = reader_take(&reader, size);
    if (!reader_skip_padding(&reader, ALIGNMENT))
        return reason_set(reason, OUTCOME_MALFORMED, "the metadata is truncated or badly padded");
    if (name.size > 0)
        memcpy(metadata.name, name.data, name.size);
    if (name.size > 0 && (strlen(metadata.name) != name.size || !sealed_name_valid(metadata.name)))
        return reason_set(reason, OUTCOME_MALFORMED, "the name contains invalid characters");
    *ret = metadata;
    *ret_size = reader.offset;
    return 0;
}

size_t credential_value_size(const CredentialSections *sections, const char *name)
{
    size_t metadata = (2 * sizeof(uint64_t) + sizeof(uint32_t) + strlen(name) + 7) / 8 * 8;

    return sections->ciphertext.size > metadata ? sections->ciphertext.size - metadata : 0;
}

void credential_metadata_write(const CredentialMetadata *metadata, Writer *writer)
{
    writer_u64le(writer, metadata->timestamp);
    writer_u64le(writer, metadata->not_after);
    writer_u32le(writer, (uint32_t)strlen(metadata->name));
    writer_text(writer, metadata->name);
    writer_pad(writer, ALIGNMENT);
}
