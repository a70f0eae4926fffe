/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/plan.c: what is kept of an older credential, and what options change. */

#include "support.h"

#include "seal/plan.h"

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

/* What the older credential has, and what the options say. */
typedef struct Row {
    const char *rule;
    unsigned old; /* parts; sealed for PCR 7 of SHA-384, and for what "old" signs about PCR 12 */
    unsigned given;
    WithKey with_key;
    unsigned parts; /* expected: these */
    uint64_t mask;
    uint16_t bank;
    const char *public_key; /* NULL: none */
    uint64_t public_key_mask;
    bool other_host;
} Row;

static const Row rows[] = {
    /* nothing is asked for: all is kept */
    {"host", HOST, 0, 0, HOST, 0, 0, NULL, 0, false},
    {"tpm2", TPM, 0, 0, TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL, 0, false},
    {"pinned is a form", HOST | TPM | PINNED, 0, 0, HOST | TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL,
     0, false},
    {"signed", TPM | SIGNED, 0, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384, "old", MASK(12),
     false},
    {"null", 0, 0, 0, 0, 0, 0, NULL, 0, false},
    {"for a user", HOST | SCOPED, 0, 0, HOST | SCOPED, 0, 0, NULL, 0, false},
    /* one thing is asked for: the rest is kept */
    {"another kind", HOST | TPM, OPTION_WITH_KEY, WITH_KEY_TPM, TPM, MASK(7), TPM_ALGORITHM_SHA384,
     NULL, 0, false},
    {"another kind for a user", HOST | SCOPED, OPTION_WITH_KEY, WITH_KEY_HOST_TPM,
     HOST | TPM | SCOPED, 0, 0, NULL, 0, false},
    {"no TPM, no PCRs", HOST | TPM | SIGNED, OPTION_WITH_KEY, WITH_KEY_HOST, HOST, 0, 0, NULL, 0,
     false},
    {"no more signed", TPM | SIGNED, OPTION_WITH_KEY, WITH_KEY_TPM, TPM, MASK(7),
     TPM_ALGORITHM_SHA384, NULL, 0, false},
    {"signed as before", TPM | SIGNED, OPTION_WITH_KEY, WITH_KEY_HOST_TPM_PUBLIC_KEY,
     HOST | TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384, "old", MASK(12), false},
    {"other PCRs", HOST | TPM, OPTION_TPM_PCRS, 0, HOST | TPM, MASK(4), 0, NULL, 0, false},
    {"a signer", TPM, OPTION_PUBLIC_KEY, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384, "named",
     MASK(11), false},
    {"another signer", TPM | SIGNED, OPTION_PUBLIC_KEY, 0, TPM | SIGNED, MASK(7),
     TPM_ALGORITHM_SHA384, "named", MASK(12), false},
    {"other signed PCRs", TPM | SIGNED, OPTION_PUBLIC_KEY_PCRS, 0, TPM | SIGNED, MASK(7),
     TPM_ALGORITHM_SHA384, "old", MASK(11), false},
    {"a signer is of no use without a TPM", HOST, OPTION_PUBLIC_KEY, 0, HOST, 0, 0, NULL, 0, false},
    /* auto that is said is as for a new one, but for PCRs */
    {"auto", HOST, OPTION_WITH_KEY, WITH_KEY_AUTO, HOST | TPM | SIGNED, 0, 0, "here", MASK(11),
     false},
    /* no older one */
    {"new, auto", NO_OLD, 0, 0, HOST | TPM | SIGNED, 0, 0, "here", MASK(11), false},
    {"new", NO_OLD, OPTION_WITH_KEY, WITH_KEY_HOST_TPM, HOST | TPM, 0, 0, NULL, 0, false},
    {"new, signed", NO_OLD, OPTION_WITH_KEY, WITH_KEY_TPM_PUBLIC_KEY, TPM | SIGNED, 0, 0, "here",
     MASK(11), false},
    /* for another host: its TPM alone */
    {"host key, elsewhere", HOST, 0, 0, TPM, 0, 0, NULL, 0, true},
    {"PCRs elsewhere", HOST | TPM, 0, 0, TPM, MASK(7), TPM_ALGORITHM_SHA384, NULL, 0, true},
    {"signed elsewhere", HOST | TPM | SIGNED, 0, 0, TPM | SIGNED, MASK(7), TPM_ALGORITHM_SHA384,
     "old", MASK(12), true},
    {"its signer", TPM, OPTION_WITH_KEY, WITH_KEY_TPM_PUBLIC_KEY, TPM | SIGNED, MASK(7),
     TPM_ALGORITHM_SHA384, "theirs", MASK(11), true},
    {"its signer, auto", TPM, OPTION_WITH_KEY, WITH_KEY_AUTO, TPM | SIGNED, MASK(7),
     TPM_ALGORITHM_SHA384, "theirs", MASK(11), true},
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
    /* a firmware that has a TPM, for auto asks it */
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

static Options options_of(const Fixture *fixture, unsigned given, WithKey with_key)
{
    Options options = {.given = given,
                       .with_key = with_key,
                       .for_systemd = 262,
                       .public_key_pcrs = MASK(11),
                       .not_after = USEC_INFINITY};

    if (given & OPTION_TPM_PCRS)
        options.tpm_pcrs.mask = MASK(4);
    if (given & OPTION_PUBLIC_KEY)
        options.public_key = fixture->named;
    return options;
}

static CredentialSections old_of(unsigned parts)
{
    CredentialSections old = {.kind = kind_find_by_key_types(parts)};

    assert_non_null(old.kind);
    if (parts & TPM)
        old.tpm = (TpmSealedView){.pcr_mask = MASK(7), .pcr_bank = TPM_ALGORITHM_SHA384};
    if (parts & SIGNED) {
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
        Options options = options_of(fixture, row->given, row->with_key);
        CredentialSections old = {0};
        _cleanup_(plan_done) Plan plan = {0};
        Reason reason = {0};
        int r;

        if (row->old != NO_OLD)
            old = old_of(row->old);
        if (row->old != NO_OLD && row->old & SCOPED)
            options.uid = "self";
        r = plan_make(&fixture->context, &options, row->other_host ? &fixture->other : NULL,
                      row->old == NO_OLD ? NULL : &old, &reason, &plan);
        if (r != 0 || plan.parts != row->parts)
            fail_msg("%s: %d, parts 0x%x: %s", row->rule, r, plan.parts, reason.text);
        if (plan.pcrs.mask != row->mask || plan.pcrs.bank != row->bank)
            fail_msg("%s: PCRs 0x%llx", row->rule, (unsigned long long)plan.pcrs.mask);
        if (!bytes_view_equal(bytes_view(&plan.public_key),
                              test_view(row->public_key ? row->public_key : "")))
            fail_msg("%s: another signer", row->rule);
        if (plan.public_key_mask != row->public_key_mask)
            fail_msg("%s: another signed PCR", row->rule);
    }
}

/* Nothing is sealed for values that PCRs had, but for those that they have. */
static void test_values_are_not_kept(void **state)
{
    const Fixture *fixture = *state;
    Options options = options_of(fixture, 0, 0);
    CredentialSections old = old_of(TPM);
    _cleanup_(plan_done) Plan plan = {0};

    assert_int_equal(plan_make(&fixture->context, &options, NULL, &old, NULL, &plan), 0);
    assert_int_equal(plan.pcrs.given, 0);
    assert_false(plan.automatic);
}

static void expect_refusal(const Fixture *fixture, const Options *options, const Identity *host,
                           unsigned old_parts, int outcome)
{
    CredentialSections old = old_of(old_parts);
    Reason reason = {0};
    Plan plan;

    assert_int_equal(plan_make(&fixture->context, options, host, &old, &reason, &plan), outcome);
    assert_true(reason.text[0] != '\0');
}

static void test_refusals(void **state)
{
    Fixture *fixture = *state;
    Options options = options_of(fixture, OPTION_WITH_KEY, WITH_KEY_HOST);
    Options nothing = options_of(fixture, 0, 0);

    /* what another host cannot have */
    expect_refusal(fixture, &options, &fixture->other, TPM, OUTCOME_USAGE);
    options.with_key = WITH_KEY_NULL;
    expect_refusal(fixture, &options, &fixture->other, TPM, OUTCOME_USAGE);
    expect_refusal(fixture, &nothing, &fixture->other, HOST | SCOPED, OUTCOME_USAGE);
    /* a kind that the version does not open, and one that there is not */
    nothing.for_systemd = 250;
    expect_refusal(fixture, &nothing, NULL, TPM | SIGNED, OUTCOME_UNSUPPORTED);
    options = options_of(fixture, OPTION_WITH_KEY, WITH_KEY_TPM);
    expect_refusal(fixture, &options, NULL, HOST | SCOPED, OUTCOME_UNSUPPORTED);
    /* no key that signs */
    options.with_key = WITH_KEY_TPM_PUBLIC_KEY;
    bytes_done(&fixture->other.pcr_public_key);
    expect_refusal(fixture, &options, &fixture->other, TPM, OUTCOME_USAGE);
    assert_int_equal(unlink(test_path(&fixture->root, "etc/systemd/tpm2-pcr-public-key.pem")), 0);
    expect_refusal(fixture, &options, NULL, TPM, OUTCOME_USAGE);
}

static void test_equal(void **state)
{
    const Fixture *fixture = *state;
    Options options = options_of(fixture, 0, 0);
    unsigned parts[] = {HOST, TPM, HOST | TPM, TPM | SIGNED};

    for (size_t i = 0; i < COUNT(parts); i++)
        for (size_t k = 0; k < COUNT(parts); k++) {
            CredentialSections a = old_of(parts[i]), b = old_of(parts[k]);
            _cleanup_(plan_done) Plan first = {0}, second = {0};

            assert_int_equal(plan_make(&fixture->context, &options, NULL, &a, NULL, &first), 0);
            assert_int_equal(plan_make(&fixture->context, &options, NULL, &b, NULL, &second), 0);
            assert_int_equal(plan_equal(&first, &second), i == k);
            second.pcrs.mask ^= MASK(0);
            assert_false(plan_equal(&first, &second));
        }
}

/* The host key, and whom it is for, are not the TPM's business. */
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
        Plan a = {.kind = kind_find_by_key_types(cases[i].a), .pcrs.mask = MASK(7)};
        Plan b = {.kind = kind_find_by_key_types(cases[i].b), .pcrs.mask = MASK(7)};

        assert_int_equal(plan_shares_tpm_key(&a, &b), cases[i].shared);
        assert_int_equal(plan_shares_tpm_key(&b, &a), cases[i].shared);
        b.pcrs.mask = 0;
        assert_false(plan_shares_tpm_key(&a, &b));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_are_not_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal, set_up, tear_down),
        cmocka_unit_test(test_shared_tpm_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
