/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/seal/seal_spec.c: what is kept of an older credential, and what a spec changes. */

#include "support.h"

#include "seal/seal_spec.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define HOST      ((unsigned)KIND_HOST)
#define TPM       ((unsigned)KIND_TPM)
#define SIGNED    ((unsigned)KIND_PUBLIC_KEY)
#define SCOPED    ((unsigned)KIND_SCOPED)
#define PINNED    ((unsigned)KIND_PINNED)
#define NO_OLD    UINT_MAX

#define MASK(pcr) (UINT64_C(1) << (pcr))

/* What a spec says. */
enum {
    SAYS_KEYS = 1 << 0,
    SAYS_PCRS = 1 << 1,
    SAYS_SIGNER = 1 << 2,
    SAYS_SIGNED_PCRS = 1 << 3,
};

#define AUTO UINT_MAX /* for key types */

/* The older credential's properties and the spec. */
typedef struct Row {
    const char *rule;
    unsigned
        old; /* key types; sealed for PCR 7 of SHA-384, and for what "old" signs about PCR 12 */
    unsigned says;
    unsigned with;      /* SAYS_KEYS: key types */
    unsigned key_types; /* expected: these */
    uint64_t mask;
    uint16_t bank;
    const char *public_key; /* NULL: none */
    uint64_t public_key_mask;
    bool other_host;
} Row;

static const Row rows[] = {
    /* no option is given: everything is kept */
    {"host", HOST, 0, 0, HOST, 0, 0, NULL, 0, false},
    {"tpm2", TPM, 0, 0, TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL, 0, false},
    {"pinned is a form", HOST | TPM | PINNED, 0, 0, HOST | TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL,
     0, false},
    {"signed", TPM | SIGNED, 0, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384, "old", MASK(12),
     false},
    {"null", 0, 0, 0, 0, 0, 0, NULL, 0, false},
    {"for a user", HOST | SCOPED, 0, 0, HOST | SCOPED, 0, 0, NULL, 0, false},
    /* one option is given: the rest is kept */
    {"another kind", HOST | TPM, SAYS_KEYS, TPM, TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL, 0,
     false},
    {"another kind for a user", HOST | SCOPED, SAYS_KEYS, HOST | TPM, HOST | TPM | SCOPED, 0, 0,
     NULL, 0, false},
    {"no TPM, no PCRs", HOST | TPM | SIGNED, SAYS_KEYS, HOST, HOST, 0, 0, NULL, 0, false},
    {"no more signed", TPM | SIGNED, SAYS_KEYS, TPM, TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL, 0,
     false},
    {"signed as before", TPM | SIGNED, SAYS_KEYS, HOST | TPM | SIGNED, HOST | TPM | SIGNED, MASK(7),
     TPM_ALGORITHM_SHA384, "old", MASK(12), false},
    {"other PCRs", HOST | TPM, SAYS_PCRS, 0, HOST | TPM, MASK(4), 0, NULL, 0, false},
    {"a signer", TPM, SAYS_SIGNER, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384, "named",
     MASK(11), false},
    {"another signer", TPM | SIGNED, SAYS_SIGNER, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384,
     "named", MASK(12), false},
    {"other signed PCRs", TPM | SIGNED, SAYS_SIGNED_PCRS, 0, TPM | SIGNED, MASK(7),
     TPM_ALGORITHM_SHA384, "old", MASK(11), false},
    {"a signer is of no use without a TPM", HOST, SAYS_SIGNER, 0, HOST, 0, 0, NULL, 0, false},
    /* an explicit auto is as for a new credential, except for PCRs */
    {"auto", HOST, SAYS_KEYS, AUTO, HOST | TPM | SIGNED, 0, 0, "here", MASK(11), false},
    /* no older one */
    {"new, auto", NO_OLD, 0, 0, HOST | TPM | SIGNED, 0, 0, "here", MASK(11), false},
    {"new", NO_OLD, SAYS_KEYS, HOST | TPM, HOST | TPM, 0, 0, NULL, 0, false},
    {"new, signed", NO_OLD, SAYS_KEYS, TPM | SIGNED, TPM | SIGNED, 0, 0, "here", MASK(11), false},
    /* for another host: its TPM alone */
    {"host key, elsewhere", HOST, 0, 0, TPM, 0, 0, NULL, 0, true},
    {"PCRs elsewhere", HOST | TPM, 0, 0, TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL, 0, true},
    {"signed elsewhere", HOST | TPM | SIGNED, 0, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384,
     "old", MASK(12), true},
    {"its signer", TPM, SAYS_KEYS, TPM | SIGNED, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384,
     "theirs", MASK(11), true},
    {"its signer, auto", TPM, SAYS_KEYS, AUTO, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384,
     "theirs", MASK(11), true},
};

typedef struct Fixture {
    TestFolder root;
    Context context;
    Identity other;
    char named[128]; /* --tpm2-public-key= */
} Fixture;

static int set_up(void **state)
{
    static const char *const firmware[] = {"sys", "sys/firmware", "sys/firmware/efi",
                                           "sys/firmware/acpi", "sys/firmware/acpi/tables"};
    static Fixture fixture;

    fixture.root = test_folder();
    fixture.context = test_context(fixture.root.path);
    assert_int_equal(mkdir(test_path(&fixture.root, "etc"), 0755), 0);
    assert_int_equal(mkdir(test_path(&fixture.root, "etc/systemd"), 0755), 0);
    test_write_file(test_path(&fixture.root, "etc/systemd/tpm2-pcr-public-key.pem"),
                    test_view("here"), 0644);
    /* firmware that knows a TPM, because auto asks it */
    for (size_t i = 0; i < COUNT(firmware); i++)
        assert_int_equal(mkdir(test_path(&fixture.root, firmware[i]), 0755), 0);
    test_write_file(test_path(&fixture.root, "sys/firmware/acpi/tables/TPM2"), test_view(""), 0644);
    snprintf(fixture.named, sizeof(fixture.named), "%s", test_path(&fixture.root, "named"));
    test_write_file(fixture.named, test_view("named"), 0644);
    assert_int_equal(bytes_dup(test_view("theirs"), &fixture.other.pcr_public_key), 0);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;

    identity_done(&fixture->other);
    test_folder_remove(&fixture->root);
    return 0;
}

static SealSpec spec_of(const Fixture *fixture, unsigned says, unsigned key_types)
{
    return (SealSpec){
        .keys = !(says & SAYS_KEYS) ? SEAL_KEEP_KEYS
                : key_types == AUTO ? SEAL_AUTO_KEYS
                                    : SEAL_GIVEN_KEYS,
        .key_types = key_types,
        .version = 262,
        .has_pcrs = says & SAYS_PCRS,
        .pcrs.mask = says & SAYS_PCRS ? MASK(4) : 0,
        .public_key = says & SAYS_SIGNER ? fixture->named : NULL,
        .has_public_key_pcrs = says & SAYS_SIGNED_PCRS,
        .public_key_pcrs = says & SAYS_SIGNED_PCRS ? MASK(11) : 0,
    };
}

static int make(const Fixture *fixture, const SealSpec *spec, const CredentialSections *old,
                Reason *reason, SealTarget *ret)
{
    return seal_target_make(&(SealContext){&fixture->context, spec, NULL}, old, reason, ret);
}

static CredentialSections old_of(unsigned key_types)
{
    CredentialSections old = {.kind = kind_find_by_key_types(key_types)};

    assert_non_null(old.kind);
    if (key_types & TPM)
        old.tpm = (TpmSealedView){.pcr_mask = MASK(7), .pcr_bank = TPM_ALGORITHM_SHA384};
    if (key_types & SIGNED) {
        old.tpm.public_key = test_view("old");
        old.tpm.public_key_mask = MASK(12);
    }
    return old;
}

static void test_rows(void **state)
{
    const Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        const Row *row = &rows[i];
        SealSpec spec = spec_of(fixture, row->says, row->with);
        CredentialSections old = {0};
        _cleanup_(seal_target_done) SealTarget target = {0};
        Reason reason = {0};
        int r;

        if (row->old != NO_OLD)
            old = old_of(row->old);
        if (row->old != NO_OLD && row->old & SCOPED)
            spec.uid = "self";
        spec.host = row->other_host ? &fixture->other : NULL;
        r = make(fixture, &spec, row->old == NO_OLD ? NULL : &old, &reason, &target);
        if (r != 0 || target.key_types != row->key_types)
            fail_msg("%s: %d, key types 0x%x: %s", row->rule, r, target.key_types, reason.text);
        if (target.pcrs.mask != row->mask || target.pcrs.bank != row->bank)
            fail_msg("%s: PCRs 0x%llx", row->rule, (unsigned long long)target.pcrs.mask);
        if (!bytes_view_equal(bytes_view(&target.public_key),
                              test_view(row->public_key ? row->public_key : "")))
            fail_msg("%s: another signer", row->rule);
        if (target.public_key_mask != row->public_key_mask)
            fail_msg("%s: another signed PCR", row->rule);
    }
}

/* Credentials are sealed for the present values of PCRs, never for old ones. */
static void test_values_are_not_kept(void **state)
{
    const Fixture *fixture = *state;
    SealSpec spec = spec_of(fixture, 0, 0);
    CredentialSections old = old_of(TPM);
    _cleanup_(seal_target_done) SealTarget target = {0};

    assert_int_equal(make(fixture, &spec, &old, NULL, &target), 0);
    assert_int_equal(target.pcrs.given, 0);
    assert_false(target.automatic);
}

static void expect_refusal(const Fixture *fixture, SealSpec spec, const Identity *host,
                           unsigned old_key_types, int outcome)
{
    CredentialSections old = old_of(old_key_types);
    Reason reason = {0};
    SealTarget target;

    spec.host = host;
    assert_int_equal(make(fixture, &spec, &old, &reason, &target), outcome);
    assert_true(reason.text[0] != '\0');
}

static void test_refusals(void **state)
{
    Fixture *fixture = *state;
    SealSpec spec = spec_of(fixture, SAYS_KEYS, HOST);
    SealSpec nothing = spec_of(fixture, 0, 0);

    /* not possible for another host */
    expect_refusal(fixture, spec, &fixture->other, TPM, OUTCOME_USAGE);
    spec.key_types = 0;
    expect_refusal(fixture, spec, &fixture->other, TPM, OUTCOME_USAGE);
    expect_refusal(fixture, nothing, &fixture->other, HOST | SCOPED, OUTCOME_USAGE);
    /* a kind that the version does not open, and an unknown one */
    nothing.version = 250;
    expect_refusal(fixture, nothing, NULL, TPM | SIGNED, OUTCOME_UNSUPPORTED);
    spec = spec_of(fixture, SAYS_KEYS, TPM);
    expect_refusal(fixture, spec, NULL, HOST | SCOPED, OUTCOME_UNSUPPORTED);
    /* not a signing key */
    spec.key_types = TPM | SIGNED;
    bytes_done(&fixture->other.pcr_public_key);
    expect_refusal(fixture, spec, &fixture->other, TPM, OUTCOME_USAGE);
    assert_int_equal(unlink(test_path(&fixture->root, "etc/systemd/tpm2-pcr-public-key.pem")), 0);
    expect_refusal(fixture, spec, NULL, TPM, OUTCOME_USAGE);
}

static void test_equal(void **state)
{
    const Fixture *fixture = *state;
    SealSpec spec = spec_of(fixture, 0, 0);
    unsigned key_types[] = {HOST, TPM, HOST | TPM, TPM | SIGNED};

    for (size_t i = 0; i < COUNT(key_types); i++)
        for (size_t k = 0; k < COUNT(key_types); k++) {
            CredentialSections a = old_of(key_types[i]), b = old_of(key_types[k]);
            _cleanup_(seal_target_done) SealTarget first = {0}, second = {0};

            assert_int_equal(make(fixture, &spec, &a, NULL, &first), 0);
            assert_int_equal(make(fixture, &spec, &b, NULL, &second), 0);
            assert_int_equal(seal_target_equal(&first, &second), i == k);
            second.pcrs.mask ^= MASK(0);
            assert_false(seal_target_equal(&first, &second));
        }
}

/* Everything that a TPM-sealed key is bound to counts; the way it was chosen counts for targets
 * only. */
static void test_each_member(void **state)
{
    const Fixture *fixture = *state;
    static const Bytes signer = {(uint8_t *)"signer", 6}, other = {(uint8_t *)"singer", 6};
    const Kind *kind = kind_find_by_key_types(TPM | SIGNED);
    const SealTarget base = {.key_types = TPM | SIGNED,
                             .version = 257,
                             .pcrs = {MASK(7), MASK(7), TPM_ALGORITHM_SHA256, .values[7][63] = 1},
                             .public_key = signer,
                             .public_key_mask = MASK(11),
                             .kind = kind};
    SealTarget targets[] = {base, base, base, base, base, base, base, base, base, base, base, base};
    static const char *const members[] = {"none",  "key types", "automatic", "version",
                                          "host",  "PCRs",      "given",     "bank",
                                          "value", "signer",    "its size",  "signed PCRs"};
    enum { TARGETS_ALONE = 4 }; /* this many, from the second on, do not concern the key */

    targets[1].key_types |= HOST;
    targets[2].automatic = true;
    targets[3].version = 258;
    targets[4].host = &fixture->other;
    targets[5].pcrs.mask |= MASK(8);
    targets[6].pcrs.given = 0;
    targets[7].pcrs.bank = TPM_ALGORITHM_SHA384;
    targets[8].pcrs.values[7][63] = 2;
    targets[9].public_key = other;
    targets[10].public_key.size--;
    targets[11].public_key_mask = MASK(12);
    assert_int_equal(COUNT(targets), COUNT(members));
    for (size_t i = 0; i < COUNT(targets); i++) {
        if (seal_target_equal(&base, &targets[i]) != (i == 0) ||
            seal_target_equal(&targets[i], &base) != (i == 0))
            fail_msg("equal: %s", members[i]);
        if (seal_target_shares_tpm_key(&base, &targets[i]) != (i < TARGETS_ALONE))
            fail_msg("shared: %s", members[i]);
        targets[i].kind = NULL; /* follows from the rest */
        assert_int_equal(seal_target_equal(&base, &targets[i]), i == 0);
    }
}

/* The host key and the user do not concern the TPM. */
static void test_shared_tpm_key(void **state)
{
    static const struct {
        unsigned a, b;
        bool shared;
    } cases[] = {
        {TPM, TPM, true},
        {TPM, HOST | TPM, true},
        {TPM, TPM | PINNED, false},
        {TPM, TPM | SIGNED, false},
        {HOST | TPM | SIGNED, TPM | SIGNED, true},
        {HOST | TPM | SCOPED, TPM, true},
        {HOST, HOST, false},
        {HOST, TPM, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        SealTarget a = {.kind = kind_find_by_key_types(cases[i].a), .pcrs.mask = MASK(7)};
        SealTarget b = {.kind = kind_find_by_key_types(cases[i].b), .pcrs.mask = MASK(7)};

        assert_int_equal(seal_target_shares_tpm_key(&a, &b), cases[i].shared);
        assert_int_equal(seal_target_shares_tpm_key(&b, &a), cases[i].shared);
        b.pcrs.mask = 0;
        assert_false(seal_target_shares_tpm_key(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_each_member, set_up, tear_down),
        cmocka_unit_test(test_shared_tpm_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
