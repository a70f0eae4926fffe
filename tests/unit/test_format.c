/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/credential/{format,kinds}.c: for each kind a credential is written, and each row
 * then breaks one rule of the format. */

#include "support.h"

#include "base/context.h"
#include "credential/format.h"

#include <string.h>

static const uint8_t filler[LIMIT_FIELD_BYTES + 1] = {1, 2, 3};

static const unsigned all_key_types[] = {
    0,
    KIND_HOST,
    KIND_HOST | KIND_SCOPED,
    KIND_TPM,
    KIND_TPM | KIND_PUBLIC_KEY,
    KIND_TPM | KIND_PINNED,
    KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED,
    KIND_HOST | KIND_TPM,
    KIND_HOST | KIND_TPM | KIND_SCOPED,
    KIND_HOST | KIND_TPM | KIND_SCOPED | KIND_PINNED,
    KIND_HOST | KIND_TPM | KIND_PINNED,
    KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY,
    KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED,
    KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_SCOPED,
    KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_SCOPED | KIND_PINNED,
};

static CredentialSections sample(unsigned kind_key_types)
{
    CredentialSections sections = {.kind = kind_find_by_key_types(kind_key_types),
                                   .iv = {filler, 12}};

    assert_non_null(sections.kind);
    if (kind_key_types & KIND_TPM)
        sections.tpm = (TpmSealedView){.pcr_mask = 1 << 7,
                                       .pcr_bank = TPM_ALGORITHM_SHA256,
                                       .primary_alg = TPM_ALGORITHM_ECC,
                                       .blob = {filler, 13},
                                       .policy_hash = {filler, TPM_POLICY_BYTES}};
    if (kind_key_types & KIND_PUBLIC_KEY) {
        sections.tpm.public_key_mask = 1 << 11;
        sections.tpm.public_key = test_view("-----BEGIN PUBLIC KEY-----");
    }
    if (kind_key_types & KIND_PINNED)
        sections.tpm.srk = (BytesView){filler, 7};
    if (kind_key_types & KIND_SCOPED)
        sections.scope_flags = 7;
    return sections;
}

/* PARTS, and BODY bytes of ciphertext with its tag. */
static Bytes assemble(const CredentialSections *sections, size_t body)
{
    _cleanup_(writer_done) Writer writer = {0};
    Bytes bytes;

    credential_header_write(sections, &writer);
    writer_bytes(&writer, (BytesView){filler, body});
    writer_bytes(&writer, (BytesView){filler, CREDENTIAL_TAG_BYTES});
    assert_int_equal(writer_take(&writer, &bytes), 0);
    return bytes;
}

static void test_every_kind_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all_key_types); i++) {
        CredentialSections sections = sample(all_key_types[i]), parsed;
        _cleanup_(bytes_done) Bytes bytes = assemble(&sections, 30);

        assert_int_equal(credential_parse(bytes_view(&bytes), NULL, &parsed), 0);
        assert_ptr_equal(parsed.kind, sections.kind);
        assert_true(bytes_view_equal(parsed.iv, sections.iv));
        assert_true(parsed.tpm.pcr_mask == sections.tpm.pcr_mask);
        assert_int_equal(parsed.tpm.pcr_bank, sections.tpm.pcr_bank);
        assert_int_equal(parsed.tpm.primary_alg, sections.tpm.primary_alg);
        assert_true(bytes_view_equal(parsed.tpm.blob, sections.tpm.blob));
        assert_true(bytes_view_equal(parsed.tpm.policy_hash, sections.tpm.policy_hash));
        assert_true(bytes_view_equal(parsed.tpm.srk, sections.tpm.srk));
        assert_true(parsed.tpm.public_key_mask == sections.tpm.public_key_mask);
        assert_true(bytes_view_equal(parsed.tpm.public_key, sections.tpm.public_key));
        assert_true(parsed.scope_flags == sections.scope_flags);
        assert_int_equal(parsed.ciphertext.size, 30);
        assert_int_equal(parsed.tag.size, CREDENTIAL_TAG_BYTES);
        assert_int_equal(parsed.header.size % 8, 0);
        assert_int_equal(parsed.header.size + 30 + CREDENTIAL_TAG_BYTES, bytes.size);
    }
}

static void test_kinds_are_distinct(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all_key_types); i++) {
        const Kind *kind = kind_find_by_key_types(all_key_types[i]);

        assert_ptr_equal(kind_find_by_id(kind->id.bytes), kind);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(
                kind->id.bytes, kind_find_by_key_types(all_key_types[j])->id.bytes, KIND_ID_BYTES);
            assert_string_not_equal(kind->name, kind_find_by_key_types(all_key_types[j])->name);
        }
    }
    assert_null(kind_find_by_key_types(KIND_PINNED));
    assert_null(kind_find_by_id(filler));
}

/* A header that is cut at any length is refused. A credential that is cut in its body parses and
 * fails to decrypt, see test_credential.c. */
static void test_truncation(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(all_key_types); i++) {
        CredentialSections sections = sample(all_key_types[i]), parsed;
        _cleanup_(bytes_done) Bytes bytes = assemble(&sections, CREDENTIAL_METADATA_MIN_BYTES);

        for (size_t size = 0; size < bytes.size; size++) {
            /* of exactly this size, so that the sanitizer detects every read past its end */
            _cleanup_(bytes_done) Bytes cut = {0};
            Reason reason = {0};

            assert_int_equal(bytes_dup((BytesView){bytes.data, size}, &cut), 0);
            assert_int_equal(credential_parse(bytes_view(&cut), &reason, &parsed),
                             OUTCOME_MALFORMED);
            assert_true(reason.text[0] != '\0');
        }
    }
}

static void test_broken_headers(void **state)
{
    static const unsigned full = KIND_TPM | KIND_PUBLIC_KEY | KIND_PINNED;
    static const struct {
        unsigned key_types;
        size_t offset;
        uint8_t value;
        int outcome;
        const char *says, *rule;
    } rows[] = {
        {KIND_HOST, 0, 0xff, OUTCOME_UNKNOWN_KIND, "ff1c6a86", "an unknown id"},
        {KIND_HOST, 16, 16, OUTCOME_MALFORMED, "16, 1 and 16", "a key of 16 bytes"},
        {KIND_HOST, 18, 1, OUTCOME_MALFORMED, "sizes", "a huge key"},
        {KIND_HOST, 20, 16, OUTCOME_MALFORMED, "sizes", "a block of 16 bytes"},
        {KIND_HOST, 24, 11, OUTCOME_MALFORMED, "IV", "an IV of 11 bytes"},
        {KIND_HOST, 24, 17, OUTCOME_MALFORMED, "IV", "an IV of 17 bytes"},
        {KIND_HOST, 27, 0x80, OUTCOME_MALFORMED, "IV", "a huge IV"},
        {KIND_HOST, 28, 12, OUTCOME_MALFORMED, "sizes", "a tag of 12 bytes"},
        {KIND_HOST, 44, 1, OUTCOME_MALFORMED, "main header", "padding that is not zero"},
        {full, 51, 1, OUTCOME_MALFORMED, "beyond 23", "PCR 24"},
        {full, 55, 0x80, OUTCOME_MALFORMED, "beyond 23", "PCR 63"},
        {full, 58, 0x25, OUTCOME_MALFORMED, "0x0025", "an unknown storage key"},
        {full, 62, 1, OUTCOME_MALFORMED, "TPM blob", "a huge blob"},
        {full, 61, 0x40, OUTCOME_MALFORMED, "TPM", "a blob beyond the end"},
        {full, 64, 0, OUTCOME_MALFORMED, "policy digest", "no policy digest"},
        {full, 64, 33, OUTCOME_MALFORMED, "policy digest", "a long policy digest"},
        {full, 67, 0x80, OUTCOME_MALFORMED, "policy digest", "a huge policy digest"},
        {full, 113, 1, OUTCOME_MALFORMED, "TPM header", "padding of the TPM header"},
        {full, 123, 1, OUTCOME_MALFORMED, "beyond 23", "PCR 24 in the signed policy"},
        {full, 121, 0, OUTCOME_MALFORMED, "no PCRs", "a signed policy of no PCRs"},
        {full, 128, 0, OUTCOME_MALFORMED, "no public key", "a signed policy of nobody"},
        {full, 130, 1, OUTCOME_MALFORMED, "public key", "a huge public key"},
        {full, 128, 0xff, OUTCOME_MALFORMED, "public key", "a public key beyond the end"},
        {full, 162, 1, OUTCOME_MALFORMED, "storage root key", "a huge storage root key"},
        {full, 160, 0xff, OUTCOME_MALFORMED, "storage root key", "an SRK beyond the end"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CredentialSections sections = sample(rows[i].key_types), parsed;
        _cleanup_(bytes_done) Bytes bytes = assemble(&sections, CREDENTIAL_METADATA_MIN_BYTES);
        Reason reason = {0};
        int r;

        bytes.data[rows[i].offset] = rows[i].value;
        r = credential_parse(bytes_view(&bytes), &reason, &parsed);
        if (r != rows[i].outcome || !strstr(reason.text, rows[i].says))
            fail_msg("%s: %d, %s", rows[i].rule, r, reason.text);
    }
}

static void test_accepted_variants(void **state)
{
    CredentialSections sections = sample(KIND_TPM), parsed;
    _cleanup_(bytes_done) Bytes bytes = {0};

    (void)state;
    sections.iv.size = 16;
    sections.tpm.primary_alg = TPM_ALGORITHM_RSA;
    sections.tpm.pcr_mask = TPM_PCR_MASK_ALL;
    sections.tpm.blob.size = LIMIT_FIELD_BYTES;
    bytes = assemble(&sections, CREDENTIAL_METADATA_MIN_BYTES);
    assert_int_equal(credential_parse(bytes_view(&bytes), NULL, &parsed), 0);
    assert_int_equal(parsed.iv.size, 16);
}

/* A field or a name with one byte too many. */
static void test_field_limits(void **state)
{
    static const char name[LIMIT_SEALED_NAME_BYTES + 1] = {[0 ... LIMIT_SEALED_NAME_BYTES] = 'n'};
    CredentialSections parts = sample(KIND_TPM), parsed;
    _cleanup_(bytes_done) Bytes bytes = {0};

    (void)state;
    parts.tpm.blob.size = LIMIT_FIELD_BYTES + 1;
    bytes = assemble(&parts, CREDENTIAL_METADATA_MIN_BYTES);
    assert_int_equal(credential_parse(bytes_view(&bytes), NULL, &parsed), OUTCOME_MALFORMED);
    for (size_t size = LIMIT_SEALED_NAME_BYTES; size <= sizeof(name); size++) {
        _cleanup_(writer_done) Writer writer = {0};
        CredentialMetadata metadata;
        Reason reason = {0};
        size_t front;

        writer_u64le(&writer, 0);
        writer_u64le(&writer, UINT64_MAX);
        writer_u32le(&writer, (uint32_t)size);
        writer_bytes(&writer, (BytesView){(const uint8_t *)name, size});
        writer_pad(&writer, 8);
        assert_int_equal(
            credential_metadata_parse(bytes_view(&writer.bytes), &reason, &metadata, &front),
            size > LIMIT_SEALED_NAME_BYTES ? OUTCOME_MALFORMED : 0);
        assert_true(size <= LIMIT_SEALED_NAME_BYTES || strstr(reason.text, "at most"));
    }
}

static void test_size_limit(void **state)
{
    static uint8_t large[LIMIT_FILE_BYTES + 1];
    CredentialSections parsed;
    Bytes bytes;

    (void)state;
    assert_int_equal(credential_parse((BytesView){large, LIMIT_SEALED_BYTES + 1}, NULL, &parsed),
                     OUTCOME_TOO_LARGE);
    assert_int_equal(credential_decode((BytesView){large, sizeof(large)}, NULL, &bytes),
                     OUTCOME_TOO_LARGE);
}

static void test_file_forms(void **state)
{
    CredentialSections sections = sample(KIND_HOST);
    _cleanup_(bytes_done) Bytes raw = assemble(&sections, 100), text = {0}, from_raw = {0},
                                from_text = {0};
    Reason reason = {0};

    (void)state;
    assert_int_equal(credential_encode(bytes_view(&raw), &text), 0);
    assert_int_equal(text.data[79], '\n');
    assert_int_equal(text.data[text.size - 1], '\n');
    assert_int_equal(credential_decode(bytes_view(&raw), NULL, &from_raw), 0);
    assert_int_equal(credential_decode(bytes_view(&text), NULL, &from_text), 0);
    assert_true(bytes_view_equal(bytes_view(&from_raw), bytes_view(&raw)));
    assert_true(bytes_view_equal(bytes_view(&from_text), bytes_view(&raw)));

    assert_int_equal(credential_decode(test_view(""), &reason, &from_raw), OUTCOME_MALFORMED);
    assert_non_null(strstr(reason.text, "empty"));
    assert_int_equal(credential_decode(test_view("hunter2!"), &reason, &from_raw),
                     OUTCOME_MALFORMED);
    assert_non_null(strstr(reason.text, "base64"));
}

static void test_metadata(void **state)
{
    CredentialMetadata metadata = {.timestamp = 1, .not_after = USEC_INFINITY, .name = "web@x"},
                       parsed;
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes bytes = {0};
    size_t front;

    (void)state;
    credential_metadata_write(&metadata, &writer);
    assert_int_equal(writer_take(&writer, &bytes), 0);
    assert_int_equal(bytes.size, 32);
    assert_int_equal(credential_metadata_parse(bytes_view(&bytes), NULL, &parsed, &front), 0);
    assert_int_equal(front, 32);
    assert_true(parsed.timestamp == 1 && parsed.not_after == USEC_INFINITY);
    assert_string_equal(parsed.name, "web@x");
    for (size_t size = 0; size < bytes.size; size++)
        assert_int_equal(
            credential_metadata_parse((BytesView){bytes.data, size}, NULL, &parsed, &front),
            OUTCOME_MALFORMED);
}

static void test_broken_metadata(void **state)
{
    static const struct {
        size_t offset;
        uint8_t value;
        const char *rule;
    } rows[] = {
        {17, 1, "a name of 261 bytes"},    {19, 0x80, "a huge name"},
        {21, 0, "a NUL in the name"},      {21, '/', "a path"},
        {21, '\n', "a control character"}, {25, 1, "padding"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        CredentialMetadata metadata = {.name = "web@x"}, parsed;
        _cleanup_(writer_done) Writer writer = {0};
        size_t front;

        credential_metadata_write(&metadata, &writer);
        writer.bytes.data[rows[i].offset] = rows[i].value;
        if (credential_metadata_parse(bytes_view(&writer.bytes), NULL, &parsed, &front) !=
            OUTCOME_MALFORMED)
            fail_msg("%s", rows[i].rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_round_trips),
        cmocka_unit_test(test_kinds_are_distinct),
        cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_broken_headers),
        cmocka_unit_test(test_accepted_variants),
        cmocka_unit_test(test_field_limits),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_file_forms),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_broken_metadata),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
