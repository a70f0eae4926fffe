/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/seal/seal_keys.c, with a software TPM. */

#include "seal_fixture.h"
#include "store_put.h"

#define LOOK "the TPM to look for its storage root key for web@x;"
#define SEAL "the TPM to seal a key for web@x;"

static void test_kinds(void **state)
{
    static const struct {
        unsigned key_types, version;
        const char *kind, *waits, *note; /* NULL: none */
    } rows[] = {
        {KIND_HOST, 257, "host", "", "Created this host's key"},
        {KIND_TPM, 257, "tpm2", LOOK SEAL, NULL},
        {KIND_HOST | KIND_TPM, 257, "host+tpm2", LOOK SEAL, "Created this host's key"},
        {KIND_TPM, 262, "tpm2", LOOK SEAL, "no storage root key"},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        SealFixture *fixture = *state;
        SealSpec spec = fixture_spec(fixture, rows[i].key_types, rows[i].version);
        _cleanup_(bytes_done) Bytes sealed = {0}, raw = {0};
        _cleanup_(unsealer_done) Unsealer unsealer = fixture_unsealer(fixture);
        _cleanup_(secret_freep) Secret *value = NULL;
        CredentialMetadata metadata;
        CredentialSections sections;

        unlink(getenv("SYSTEMD_CREDENTIAL_SECRET"));
        if (fixture_seal(fixture, &spec, NULL, &sealed) != 0)
            fail_msg("%s: %s", rows[i].kind, fixture->reason.text);
        assert_string_equal(fixture->waits, rows[i].waits);
        if (rows[i].note ? !strstr(fixture->notes, rows[i].note) : fixture->notes[0])
            fail_msg("%s: %s", rows[i].kind, fixture->notes);
        assert_int_equal(credential_unpack(bytes_view(&sealed), NULL, &raw, &sections), 0);
        assert_string_equal(sections.kind->name, rows[i].kind);
        assert_false(credential_key_label(bytes_view(&sealed)).outside);
        assert_int_equal(unsealer_open(&unsealer, &sections, "web@x", NULL, &metadata, &value), 0);
        assert_int_equal(secret_size(value), 5);
        assert_string_equal(metadata.name, "web@x");
        assert_true(metadata.not_after == USEC_INFINITY);
    }
}

static TpmSealedView sealed_key(const Bytes *sealed, Bytes *raw)
{
    CredentialSections sections;

    assert_int_equal(credential_unpack(bytes_view(sealed), NULL, raw, &sections), 0);
    return sections.tpm;
}

/* A machine's credentials share one key, unless an option or another policy prevents it. */
static void test_sharing(void **state)
{
    SealFixture *fixture = *state;
    static const struct {
        const char *rule;
        bool fresh, file;
        unsigned key_types;
        uint64_t pcrs;
        bool shares;
    } rows[] = {
        {"of the store", false, false, KIND_TPM, 0, true},
        {"with the host key", false, false, KIND_HOST | KIND_TPM, 0, true},
        {"of a file", false, true, KIND_TPM, 0, true},
        {"a fresh one", true, false, KIND_TPM, 0, false},
        {"other PCRs", false, false, KIND_TPM, 1 << 7, false},
    };
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(bytes_done) Bytes first = {0}, first_raw = {0};
    CredentialName name;
    char file[128];
    TpmSealedView key;

    assert_int_equal(fixture_seal(fixture, &spec, NULL, &first), 0);
    key = sealed_key(&first, &first_raw);
    assert_int_equal(credential_name_new("web", "first", NULL, &name), 0);
    assert_int_equal(store_put(fixture->store, &name, bytes_view(&first)), 0);
    snprintf(file, sizeof(file), "%s", test_path(&fixture->folder, "store/web/first.cred"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes sealed = {0}, raw = {0};
        TpmSealedView other;

        spec = fixture_spec(fixture, rows[i].key_types, 257);
        spec.share_store = fixture->store;
        spec.share_key = rows[i].file ? file : NULL;
        spec.fresh_key = rows[i].fresh;
        spec.has_pcrs = true;
        spec.pcrs.mask = rows[i].pcrs;
        assert_int_equal(fixture_seal(fixture, &spec, NULL, &sealed), 0);
        other = sealed_key(&sealed, &raw);
        if (tpm_sealed_view_equal(&key, &other) != rows[i].shares)
            fail_msg("%s: %s", rows[i].rule, fixture->waits);
    }
}

/* What the spec leaves open is taken from the older credential. */
static void test_like(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(bytes_done) Bytes first = {0}, raw = {0}, second = {0}, second_raw = {0};
    CredentialSections sections;

    spec.has_pcrs = true;
    spec.pcrs.mask = 1 << 7;
    assert_int_equal(fixture_seal(fixture, &spec, NULL, &first), 0);
    assert_int_equal(credential_unpack(bytes_view(&first), NULL, &raw, &sections), 0);
    spec = fixture_spec(fixture, 0, 257);
    spec.keys = SEAL_KEEP_KEYS;
    assert_int_equal(fixture_seal(fixture, &spec, &sections, &second), 0);
    assert_true(sealed_key(&second, &second_raw).pcr_mask == 1 << 7);
}

/* PCRs that protect less than they seem to. */
static void test_weak_pcrs(void **state)
{
#define UNMEASURED "Nothing was measured into PCR "
#define SHA1       "The TPM has no PCR 7 in a bank of sha256: sealing for sha1"
    static const struct {
        const char *rule;
        bool sha256, measured; /* the bank exists, and PCR 7 was extended */
        const char *pcrs, *notes[2];
        int outcome;
    } rows[] = {
        {"none", true, false, "", {}, 0},
        {"zeros", true, false, "7", {UNMEASURED "7 (sha256)"}, 0},
        {"ones", true, false, "20", {UNMEASURED "20 (sha256)"}, 0},
        {"zeros and ones", true, true, "8+20", {UNMEASURED "8+20 (sha256)"}, 0},
        {"a measured one", true, true, "7", {}, 0},
        {"one of two is measured", true, true, "7+8", {}, 0},
        {"sha1", false, true, "7", {SHA1}, 0},
        {"zeros of sha1", false, false, "7", {SHA1, UNMEASURED "7 (sha1)"}, 0},
        {"sha1, as wanted", false, true, "7:sha1", {}, 0},
        {"never sha1 in place of sha256", false, true, "7:sha256", {}, OUTCOME_TPM_UNABLE},
        {"a value that it will have",
         true,
         false,
         "7:sha256=0000000000000000000000000000000000000000000000000000000000000000",
         {},
         0},
    };
    SealFixture *fixture = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
        _cleanup_(bytes_done) Bytes sealed = {0};

        assert_int_equal(swtpm_use_banks(fixture->swtpm, true, rows[i].sha256), 0);
        if (rows[i].measured)
            assert_int_equal(swtpm_extend(fixture->swtpm, 7, "firmware"), 0);
        spec.has_pcrs = true;
        assert_int_equal(tpm_pcrs_parse(rows[i].pcrs, NULL, &spec.pcrs), 0);
        if (fixture_seal(fixture, &spec, NULL, &sealed) != rows[i].outcome)
            fail_msg("%s: %s", rows[i].rule, fixture->reason.text);
        for (size_t j = 0; j < 2; j++)
            if (rows[i].notes[j] && !strstr(fixture->notes, rows[i].notes[j]))
                fail_msg("%s: %s", rows[i].rule, fixture->notes);
        if (!rows[i].notes[0] && fixture->notes[0])
            fail_msg("%s: %s", rows[i].rule, fixture->notes);
    }
    assert_non_null(strstr(fixture->reason.text, "the TPM has no PCR 7 in a bank of sha256"));
}

/* The checks apply to a shared key as to a fresh one. */
static void test_weak_pcrs_of_a_shared_key(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(bytes_done) Bytes first = {0}, second = {0}, first_raw = {0}, second_raw = {0};
    TpmSealedView key, shared;
    CredentialName name;

    spec.has_pcrs = true;
    spec.pcrs.mask = 1 << 7;
    spec.share_store = fixture->store;
    assert_int_equal(fixture_seal(fixture, &spec, NULL, &first), 0);
    assert_int_equal(credential_name_new("web", "first", NULL, &name), 0);
    assert_int_equal(store_put(fixture->store, &name, bytes_view(&first)), 0);
    assert_int_equal(fixture_seal(fixture, &spec, NULL, &second), 0);
    key = sealed_key(&first, &first_raw);
    shared = sealed_key(&second, &second_raw);
    assert_true(tpm_sealed_view_equal(&key, &shared));
    assert_non_null(strstr(fixture->notes, UNMEASURED "7 (sha256)"));
}

static void test_refusals(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_HOST, 257);
    Bytes sealed = {0};

    spec.timestamp = spec.not_after = 9;
    spec.has_not_after = true;
    assert_int_equal(fixture_seal(fixture, &spec, NULL, &sealed), OUTCOME_USAGE);
    spec = fixture_spec(fixture, KIND_TPM, 257);
    swtpm_kill(fixture->swtpm);
    assert_int_equal(fixture_seal(fixture, &spec, NULL, &sealed), OUTCOME_TPM_UNREACHABLE);
    assert_null(sealed.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sharing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_like, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weak_pcrs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weak_pcrs_of_a_shared_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
