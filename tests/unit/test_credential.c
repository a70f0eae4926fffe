/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/credential/{seal,open}.c: a sealed credential opens again, and nothing else does. */

#include "support.h"

#include "base/limits.h"
#include "credential/derive.h"
#include "credential/open.h"
#include "credential/seal.h"
#include "crypto/aead.h"

#include <sodium.h>
#include <string.h>

static const uint8_t filler[64] = {1, 2, 3};
static const UserScope alice = {.uid = 1000, .name = "alice"}, root = {.name = "root"};

typedef struct Sample {
    Context context;
    SealRequest seal;
    OpenRequest open;
    Secret *plaintext, *host_key, *tpm_key;
    Bytes sealed;
    CredentialSections sections;
} Sample;

static Sample sample_new(unsigned kind_key_types, size_t size)
{
    Sample sample = {.context = test_context(NULL), .plaintext = test_secret_of(size)};

    sample.host_key = kind_key_types & KIND_HOST ? test_host_key("host key") : NULL;
    sample.tpm_key = kind_key_types & KIND_TPM ? test_secret("TPM key") : NULL;
    sample.seal = (SealRequest){
        .kind = kind_find_by_key_types(kind_key_types),
        .plaintext = sample.plaintext,
        .host_key = sample.host_key,
        .tpm_key = sample.tpm_key,
        .tpm = {.pcr_bank = TPM_ALGORITHM_SHA256,
                .primary_alg = TPM_ALGORITHM_ECC,
                .blob = {filler, sizeof(filler)},
                .policy_hash = {filler, TPM_POLICY_BYTES}},
        .metadata = {.timestamp = TEST_NOW, .not_after = USEC_INFINITY, .name = "web@x"},
    };
    if (kind_key_types & KIND_PUBLIC_KEY) {
        sample.seal.tpm.public_key = (BytesView){filler, 7};
        sample.seal.tpm.public_key_mask = 1 << 11;
    }
    if (kind_key_types & KIND_PINNED)
        sample.seal.tpm.srk = (BytesView){filler, 9};
    sample.seal.scope = kind_key_types & KIND_SCOPED ? &alice : NULL;
    sample.open = (OpenRequest){.scope = sample.seal.scope,
                                .host_key = sample.host_key,
                                .tpm_key = sample.tpm_key,
                                .name = "web@x",
                                .allow_null = true,
                                .now = TEST_NOW};
    return sample;
}

static void sample_seal(Sample *sample)
{
    bytes_done(&sample->sealed);
    assert_int_equal(credential_seal(&sample->context, &sample->seal, NULL, &sample->sealed), 0);
    assert_int_equal(credential_parse(bytes_view(&sample->sealed), NULL, &sample->sections), 0);
}

static int sample_open(Sample *sample, Reason *reason, Secret **ret)
{
    OpenRequest request = sample->open;
    int r = credential_parse(bytes_view(&sample->sealed), reason, &sample->sections);

    request.sections = &sample->sections;
    return r == 0 ? credential_open(&request, reason, NULL, ret) : r;
}

static void sample_done(Sample *sample)
{
    secret_free(sample->plaintext);
    secret_free(sample->host_key);
    secret_free(sample->tpm_key);
    bytes_done(&sample->sealed);
}

static const unsigned written_kinds[] = {
    0,
    KIND_HOST,
    KIND_TPM,
    KIND_HOST | KIND_TPM,
    KIND_HOST | KIND_SCOPED,
    KIND_TPM | KIND_PUBLIC_KEY,
    KIND_TPM | KIND_PINNED,
    KIND_HOST | KIND_TPM | KIND_PUBLIC_KEY | KIND_SCOPED | KIND_PINNED,
};

static void test_round_trip(void **state)
{
    static const size_t sizes[] = {
        0, 1, 31, 4096, LIMIT_PLAINTEXT_BYTES - 1, LIMIT_PLAINTEXT_BYTES};

    (void)state;
    for (size_t i = 0; i < COUNT(written_kinds); i++)
        for (size_t j = 0; j < COUNT(sizes); j++) {
            _cleanup_(sample_done) Sample sample = sample_new(written_kinds[i], sizes[j]);
            _cleanup_(secret_freep) Secret *opened = NULL;

            sample_seal(&sample);
            assert_int_equal(sample_open(&sample, NULL, &opened), 0);
            assert_true(secret_equal(opened, sample.plaintext));
        }
}

/* SHA-256 of the concatenated keys, and its HMAC of the user, computed with Python's hashlib and
 * hmac. */
static void test_derived_keys(void **state)
{
    _cleanup_(secret_freep) Secret *host = test_host_key("host"), *tpm = test_secret("tpm");
    UserScope user = {.uid = 1000, .name = "alice"};
    const struct {
        const Secret *host_key, *tpm_key;
        const UserScope *scope;
        const char *expected;
    } rows[] = {
        {NULL, NULL, NULL, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {host, NULL, NULL, "4740ae6347b0172c01254ff55bae5aff5199f4446e7f6d643d40185b3f475145"},
        {NULL, tpm, NULL, "533541fb465a0bddd5cce85fd0f36bcb0272f63e43de3cdd080be2e22ff46b85"},
        {host, tpm, NULL, "282261ae7b15ec8e1c71e26eb2b4ee87a95aa138a08112ba1279d9ea21dadbeb"},
        {host, NULL, &user, "ff3e257499e97e87ade41195182d31562cd615e1724819d4da58e0982eb51c50"},
        {host, tpm, &user, "d08b583f4bcf3f01f68f8533410401a405085e3880b5c0544d9f3dcb3801f6cb"},
    };

    (void)state;
    assert_int_equal(sd_id128_from_string(TEST_MACHINE_ID, &user.machine_id), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(secret_freep) Secret *key = NULL;
        char hex[2 * AEAD_KEY_BYTES + 1];

        assert_int_equal(
            credential_derive_key(rows[i].host_key, rows[i].tpm_key, rows[i].scope, NULL, &key), 0);
        sodium_bin2hex(hex, sizeof(hex), secret_view(key).data, secret_size(key));
        assert_string_equal(hex, rows[i].expected);
    }
}

static void test_sealing_limits(void **state)
{
    _cleanup_(sample_done) Sample large = sample_new(KIND_HOST, LIMIT_PLAINTEXT_BYTES + 1);
    Bytes sealed;

    (void)state;
    assert_int_equal(credential_seal(&large.context, &large.seal, NULL, &sealed),
                     OUTCOME_TOO_LARGE);
}

/* We never seal a secret that is too large, but another program may. */
static void test_opening_limits(void **state)
{
    _cleanup_(sample_done) Sample sample = sample_new(KIND_HOST, 10);
    _cleanup_(secret_freep) Secret *key = NULL;
    _cleanup_(bytes_done) Bytes ciphertext = {0};

    (void)state;
    sample_seal(&sample);
    assert_int_equal(credential_derive_key(sample.host_key, NULL, NULL, NULL, &key), 0);
    ciphertext.data = malloc(LIMIT_SEALED_BYTES);
    assert_non_null(ciphertext.data);
    for (size_t size = LIMIT_PLAINTEXT_BYTES; size <= LIMIT_PLAINTEXT_BYTES + 1; size++) {
        _cleanup_(secret_freep) Secret *plaintext = test_secret_of(size), *opened = NULL;
        _cleanup_(writer_done) Writer text = {0}, sealed = {0};
        uint8_t tag[AEAD_TAG_BYTES];

        credential_metadata_write(&sample.seal.metadata, &text);
        writer_bytes(&text, secret_view(plaintext));
        ciphertext.size = text.bytes.size;
        assert_int_equal(aead_encrypt(key, sample.sections.iv, sample.sections.header,
                                      bytes_view(&text.bytes), ciphertext.data, tag),
                         0);
        writer_bytes(&sealed, sample.sections.header);
        writer_bytes(&sealed, bytes_view(&ciphertext));
        writer_bytes(&sealed, (BytesView){tag, sizeof(tag)});
        bytes_done(&sample.sealed);
        assert_int_equal(writer_take(&sealed, &sample.sealed), 0);
        assert_int_equal(sample_open(&sample, NULL, &opened),
                         size > LIMIT_PLAINTEXT_BYTES ? OUTCOME_TOO_LARGE : 0);
    }
}

/* Sealing the same secret twice reveals nothing. */
static void test_fresh_iv(void **state)
{
    _cleanup_(sample_done) Sample sample = sample_new(KIND_HOST, 10);
    _cleanup_(bytes_done) Bytes first = {0};

    (void)state;
    sample_seal(&sample);
    assert_int_equal(bytes_dup(bytes_view(&sample.sealed), &first), 0);
    sample_seal(&sample);
    assert_memory_not_equal(first.data + 32, sample.sealed.data + 32, CREDENTIAL_IV_BYTES);
}

static void test_every_bit_flip_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written_kinds); i++) {
        _cleanup_(sample_done) Sample sample = sample_new(written_kinds[i], 10);

        sample_seal(&sample);
        for (size_t bit = 0; bit < sample.sealed.size * 8; bit++) {
            Secret *opened = NULL;
            int r;

            sample.sealed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            r = sample_open(&sample, NULL, &opened);
            sample.sealed.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            if (r != OUTCOME_MALFORMED && r != OUTCOME_UNKNOWN_KIND && r != OUTCOME_NOT_AUTHENTIC &&
                r != OUTCOME_UNSUPPORTED)
                fail_msg("bit %zu of %s: %d", bit, sample.seal.kind->name, r);
            assert_null(opened);
        }
    }
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(written_kinds); i++) {
        _cleanup_(sample_done) Sample sample = sample_new(written_kinds[i], 10);
        size_t whole;

        sample_seal(&sample);
        whole = sample.sealed.size;
        for (sample.sealed.size = 0; sample.sealed.size < whole; sample.sealed.size++) {
            Secret *opened = NULL;
            int r = sample_open(&sample, NULL, &opened);

            if (r != OUTCOME_MALFORMED && r != OUTCOME_NOT_AUTHENTIC)
                fail_msg("cut to %zu bytes: %d", sample.sealed.size, r);
            assert_null(opened);
        }
    }
}

static void test_the_wrong_key_is_refused(void **state)
{
    _cleanup_(sample_done) Sample sample = sample_new(KIND_HOST | KIND_TPM, 10);
    _cleanup_(secret_freep) Secret *other = test_secret("other"), *opened = NULL;
    _cleanup_(secret_freep) Secret *other_host = test_host_key("other");

    (void)state;
    sample_seal(&sample);
    sample.open.host_key = other_host;
    assert_int_equal(sample_open(&sample, NULL, &opened), OUTCOME_NOT_AUTHENTIC);
    sample.open.host_key = sample.host_key;
    sample.open.tpm_key = other;
    assert_int_equal(sample_open(&sample, NULL, &opened), OUTCOME_NOT_AUTHENTIC);
    assert_null(opened);
}

static void test_names(void **state)
{
    static const struct {
        const char *sealed, *asked;
        bool allow_unnamed;
        int outcome;
    } rows[] = {
        {"web@x", "web@x", false, 0},
        {"web@x", NULL, false, 0},
        {"", NULL, false, 0},
        {"", "web@x", true, 0},
        {"", "web@x", false, OUTCOME_NAME_MISMATCH},
        {"web@x", "db@x", false, OUTCOME_NAME_MISMATCH},
        {"web@x", "web@y", true, OUTCOME_NAME_MISMATCH},
        {"web@x", "web@", true, OUTCOME_NAME_MISMATCH},
        {"web@x", "web@xx", true, OUTCOME_NAME_MISMATCH},
        {"web@x", "Web@x", true, OUTCOME_NAME_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(sample_done) Sample sample = sample_new(KIND_HOST, 10);
        _cleanup_(secret_freep) Secret *opened = NULL;
        Reason reason = {0};

        strcpy(sample.seal.metadata.name, rows[i].sealed);
        sample_seal(&sample);
        sample.open.name = rows[i].asked;
        sample.open.allow_unnamed = rows[i].allow_unnamed;
        assert_int_equal(sample_open(&sample, &reason, &opened), rows[i].outcome);
        if (rows[i].outcome != 0)
            assert_non_null(strstr(reason.text, rows[i].asked));
    }
}

static void test_times(void **state)
{
    static const struct {
        uint64_t timestamp, not_after, now;
        int outcome;
    } rows[] = {
        {TEST_NOW, USEC_INFINITY, TEST_NOW, 0},
        {TEST_NOW - 1, TEST_NOW, TEST_NOW, 0},
        {TEST_NOW, TEST_NOW + 1, TEST_NOW, 0},
        {TEST_NOW - 2, TEST_NOW - 1, TEST_NOW, OUTCOME_EXPIRED},
        {0, 1, TEST_NOW, OUTCOME_EXPIRED},
        {USEC_INFINITY, TEST_NOW - 1, TEST_NOW, OUTCOME_EXPIRED},
        {USEC_INFINITY, USEC_INFINITY, TEST_NOW, 0},
        {TEST_NOW, TEST_NOW, TEST_NOW, OUTCOME_MALFORMED}, /* expires before it is sealed */
        {TEST_NOW + 1, TEST_NOW, TEST_NOW, OUTCOME_MALFORMED},
        {TEST_NOW - 2, TEST_NOW - 1, USEC_INFINITY, 0},
        {TEST_NOW + 1000, USEC_INFINITY, TEST_NOW,
         0}, /* sealed in the future: accepted, as by systemd */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(sample_done) Sample sample = sample_new(KIND_HOST, 10);
        _cleanup_(secret_freep) Secret *opened = NULL;

        sample.seal.metadata.timestamp = rows[i].timestamp;
        sample.seal.metadata.not_after = rows[i].not_after;
        sample_seal(&sample);
        sample.open.now = rows[i].now;
        assert_int_equal(sample_open(&sample, NULL, &opened), rows[i].outcome);
    }
}

static void test_the_null_key_is_refused_unless_asked_for(void **state)
{
    _cleanup_(sample_done) Sample sample = sample_new(0, 10);
    _cleanup_(secret_freep) Secret *opened = NULL;

    (void)state;
    sample_seal(&sample);
    sample.open.allow_null = false;
    assert_int_equal(sample_open(&sample, NULL, &opened), OUTCOME_UNPROTECTED);
    assert_null(opened);
}

static void test_a_scope_that_is_not_known(void **state)
{
    CredentialSections sections = {.kind = kind_find_by_key_types(KIND_HOST | KIND_SCOPED),
                                   .scope_flags = 15};
    Reason reason = {0};

    (void)state;
    assert_int_equal(credential_openable(&sections, &reason), OUTCOME_UNSUPPORTED);
    assert_non_null(strstr(reason.text, "0xf"));
    sections.scope_flags = USER_SCOPE_FLAGS;
    assert_int_equal(credential_openable(&sections, &reason), 0);
}

static void test_scopes(void **state)
{
    static const struct {
        const char *rule;
        unsigned key_types;
        const UserScope *sealed, *opened;
        int outcome;
    } rows[] = {
        {"the user it is for", KIND_HOST | KIND_SCOPED, &alice, &alice, 0},
        {"root is a user", KIND_HOST | KIND_SCOPED, &root, &root, 0},
        {"not for others", KIND_HOST | KIND_SCOPED, &alice, &root, OUTCOME_NOT_AUTHENTIC},
        {"not without a user", KIND_HOST | KIND_SCOPED, &alice, NULL, OUTCOME_SCOPE_MISMATCH},
        {"the system's is no user's", KIND_HOST, NULL, &alice, OUTCOME_SCOPE_MISMATCH},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(sample_done) Sample sample = sample_new(rows[i].key_types, 10);
        _cleanup_(secret_freep) Secret *opened = NULL;

        sample.seal.scope = rows[i].sealed;
        sample_seal(&sample);
        sample.open.scope = rows[i].opened;
        if (sample_open(&sample, NULL, &opened) != rows[i].outcome)
            fail_msg("%s", rows[i].rule);
    }
}

/* systemd 252 writes this bank when no PCRs are requested. */
static void test_a_pcr_bank_that_is_none(void **state)
{
    CredentialSections sections = {.kind = kind_find_by_key_types(KIND_TPM),
                                   .tpm = {.pcr_bank = 0xffff}};
    Reason reason = {0};

    (void)state;
    assert_int_equal(credential_openable(&sections, &reason), OUTCOME_MALFORMED);
    assert_non_null(strstr(reason.text, "0xffff"));
    sections.tpm.pcr_bank = TPM_ALGORITHM_SHA384;
    assert_int_equal(credential_openable(&sections, &reason), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_derived_keys),
        cmocka_unit_test(test_sealing_limits),
        cmocka_unit_test(test_opening_limits),
        cmocka_unit_test(test_fresh_iv),
        cmocka_unit_test(test_every_bit_flip_is_refused),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_the_wrong_key_is_refused),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_the_null_key_is_refused_unless_asked_for),
        cmocka_unit_test(test_a_scope_that_is_not_known),
        cmocka_unit_test(test_scopes),
        cmocka_unit_test(test_a_pcr_bank_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
