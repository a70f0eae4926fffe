/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/tpm with a software TPM, which each test starts for itself: what opens, and what
 * must not. test_tpm_wire.c tests what crosses the wire and what happens when it breaks,
 * test_tpm_codec.c what needs no TPM.
 */

#include "tpm_fixture.h"

/* TPM_RC_TYPE, parameter 2 */
#define RC_NO_ECC 0x2caU

/* --- what works --- */

static void test_round_trip(void **state)
{
    static const uint64_t masks[] = {0, MASK(7), MASK(0) | MASK(2) | MASK(4) | MASK(7), MASK(23),
                                     TPM_PCR_MASK_ALL};
    Fixture *fixture = *state;

    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "a"), 0);
    for (size_t i = 0; i < COUNT(masks); i++) {
        _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
        _cleanup_(secret_freep) Secret *key = NULL;

        seal(fixture, masks[i], &sealed, &key);
        assert_true(sealed.pcr_mask == masks[i]);
        assert_int_equal(sealed.pcr_bank, TPM_ALGORITHM_SHA256);
        assert_int_equal(sealed.primary_alg, TPM_ALGORITHM_ECC);
        assert_int_equal(sealed.policy_hash.size, TPM_POLICY_BYTES);
        assert_int_equal(sealed.srk.size, 0);
        assert_int_equal(secret_size(key), TPM_KEY_BYTES);
        assert_unseals(fixture, &sealed, key);
        assert_unseals(fixture, &sealed, key);
    }
}

static void test_keys_are_fresh(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed a = {0}, b = {0};
    _cleanup_(secret_freep) Secret *key_a = NULL, *key_b = NULL;
    Fixture *fixture = *state;

    seal(fixture, 0, &a, &key_a);
    seal(fixture, 0, &b, &key_b);
    assert_false(secret_equal(key_a, key_b));
}

static void test_pinned(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    seal_pinned(fixture, MASK(7), &sealed, &key);
    assert_unseals(fixture, &sealed, key);
    /* the storage root key stays where it is */
    assert_unseals(fixture, &sealed, key);
}

static void test_survives_a_restart(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(0), &sealed, &key);
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    assert_unseals(fixture, &sealed, key);
}

static void test_rsa_where_there_is_no_ecc(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    tap.fault = TAP_ANSWER;
    tap.code = RC_NO_ECC;
    tap.fault_at = 1;
    seal(fixture, MASK(7), &sealed, &key);
    assert_int_equal(sealed.primary_alg, TPM_ALGORITHM_RSA);
    assert_unseals(fixture, &sealed, key);
}

static void test_sha1_where_there_is_no_sha256(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, unbound = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *unbound_key = NULL;
    Fixture *fixture = *state;

    assert_int_equal(swtpm_use_banks(fixture->swtpm, true, false), 0);
    seal(fixture, MASK(4) | MASK(7), &sealed, &key);
    assert_int_equal(sealed.pcr_bank, TPM_ALGORITHM_SHA1);
    assert_unseals(fixture, &sealed, key);
    /* systemd 252 cannot read what it writes here itself, bank 0xffff */
    seal(fixture, 0, &unbound, &unbound_key);
    assert_int_equal(unbound.pcr_bank, TPM_ALGORITHM_SHA256);
    assert_unseals(fixture, &unbound, unbound_key);
}

/* --- what must not open --- */

static void test_changed_pcr(void **state)
{
    static const struct {
        uint64_t mask;
        unsigned extended;
        int expected;
    } rows[] = {
        {MASK(7), 7, OUTCOME_TPM_PCR_MISMATCH},
        {MASK(0) | MASK(2) | MASK(4), 4, OUTCOME_TPM_PCR_MISMATCH},
        {MASK(7), 8, 0},
        {0, 7, 0},
    };
    Fixture *fixture = *state;

    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
        _cleanup_(secret_freep) Secret *key = NULL;

        seal(fixture, rows[i].mask, &sealed, &key);
        assert_int_equal(swtpm_extend(fixture->swtpm, rows[i].extended, "changed"), 0);
        assert_int_equal(unseal(fixture, &sealed, NULL), rows[i].expected);
    }
    /* a wrong PCR does not count as a wrong password */
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
}

static void test_changed_pcr_is_named(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(7) | MASK(4), &sealed, &key);
    assert_int_equal(swtpm_extend(fixture->swtpm, 7, "changed"), 0);
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_TPM_PCR_MISMATCH);
    assert_says(fixture, "PCR 4+7 (sha256)");
    assert_says(fixture, "7 Secure Boot");
}

static void test_header_that_lies_about_the_policy(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;

    seal(fixture, MASK(7), &sealed, &key);
    sealed.pcr_mask = MASK(8); /* other PCRs */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_TPM_PCR_MISMATCH);
    sealed.pcr_mask = 0; /* none at all */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_UNSUPPORTED);
    sealed.pcr_mask = MASK(24); /* a PCR that does not exist */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_MALFORMED);
    sealed.pcr_mask = MASK(7);
    sealed.pcr_bank = TPM_ALGORITHM_SHA1; /* another bank */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_TPM_PCR_MISMATCH);
    sealed.pcr_bank = 0xffff; /* no bank */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_MALFORMED);
    sealed.pcr_bank = TPM_ALGORITHM_SHA256;
    sealed.policy_hash.data[0] ^= 1; /* not the object's key */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_MALFORMED);
    sealed.policy_hash.data[0] ^= 1;
    sealed.primary_alg = TPM_ALGORITHM_RSA; /* another storage key */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_TPM_FOREIGN);
    sealed.primary_alg = 0x1234; /* not a storage key */
    assert_int_equal(unseal(fixture, &sealed, NULL), OUTCOME_MALFORMED);
    sealed.primary_alg = TPM_ALGORITHM_ECC;
    assert_unseals(fixture, &sealed, key);
}

static void test_seal_for_pcrs_that_there_are_not(void **state)
{
    Fixture *fixture = *state;
    TpmSealed sealed = {0};
    Secret *key = NULL;

    assert_int_equal(tpm_seal(fixture->tpm, &fixture->context,
                              &(TpmSealRequest){.pcrs.mask = MASK(24)}, NULL, &sealed, &key),
                     OUTCOME_USAGE);
    assert_null(key);
    assert_int_equal(tap.count, 0);
}

static void test_foreign_tpm(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0}, pinned = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *pinned_key = NULL;
    Fixture *fixture = *state;
    void *other_state = NULL;
    Fixture *other;
    uint8_t *srk;
    size_t size;

    seal(fixture, 0, &sealed, &key);
    seal_pinned(fixture, 0, &pinned, &pinned_key);
    assert_int_equal(set_up(&other_state), 0);
    other = other_state;
    assert_int_equal(unseal(other, &sealed, NULL), OUTCOME_TPM_FOREIGN);
    assert_int_equal(unseal(other, &pinned, NULL), OUTCOME_TPM_NO_SRK);
    assert_says(other, "0x81000001");
    assert_int_equal(swtpm_make_srk(other->swtpm, &srk, &size), 0);
    free(srk);
    assert_int_equal(unseal(other, &pinned, NULL), OUTCOME_TPM_FOREIGN);
    /* neither counts towards the lockout */
    assert_int_equal(swtpm_count_failures(other->swtpm), 0);
    assert_int_equal(tear_down(&other_state), 0);
}

static void test_every_byte_counts(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL;
    Fixture *fixture = *state;
    int r;

    seal_pinned(fixture, MASK(7), &sealed, &key);
    for (size_t i = 0; i < sealed.blob.size; i++) {
        sealed.blob.data[i] ^= (uint8_t)(1U << i % 8);
        r = unseal(fixture, &sealed, NULL);
        assert_true(r == OUTCOME_MALFORMED || r == OUTCOME_TPM_FOREIGN || r == OUTCOME_TPM_FAILED);
        sealed.blob.data[i] ^= (uint8_t)(1U << i % 8);
    }
    assert_int_equal(swtpm_count_failures(fixture->swtpm), 0);
    assert_unseals(fixture, &sealed, key);
}

static void test_has_srk(void **state)
{
    Fixture *fixture = *state;
    uint8_t *srk;
    size_t size;
    bool has;

    assert_int_equal(tpm_has_srk(fixture->tpm, &fixture->reason, &has), 0);
    assert_false(has);
    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    free(srk);
    assert_int_equal(tpm_has_srk(fixture->tpm, &fixture->reason, &has), 0);
    assert_true(has);
    assert_nothing_left(fixture);
    tap.fault = TAP_BREAK;
    tap.fault_at = tap.count + 1;
    assert_int_equal(tpm_has_srk(fixture->tpm, &fixture->reason, &has), OUTCOME_TPM_UNREACHABLE);
    tap.fault = TAP_NO_FAULT;
}

/* --- the way to the TPM --- */

static void test_unreachable(void **state)
{
    static const struct {
        const char *device, *words;
        int rc;
    } rows[] = {
        {"/nonexistent/tpm", "/nonexistent/tpm: No such file", OUTCOME_TPM_UNREACHABLE},
        {"/dev/null", "/dev/null", OUTCOME_TPM_UNREACHABLE},
        {"/proc/self/exe", "/proc/self/exe is not a character device", OUTCOME_TPM_UNREACHABLE},
        {"device:/proc/self/exe", "is not a character device", OUTCOME_TPM_UNREACHABLE},
        {"swtpm:host=127.0.0.1,port=1", "swtpm:host=127.0.0.1,port=1", OUTCOME_TPM_UNREACHABLE},
        {"no-such-tcti:x", "no-such-tcti:x", OUTCOME_USAGE},
        {"cmd:false", "\"cmd:false\" is not a TPM", OUTCOME_USAGE},
        {"", "\"\"", OUTCOME_USAGE},
    };
    Reason reason = {0};
    Tpm *tpm = NULL;
    int r;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        r = tpm_new(rows[i].device, &reason, &tpm);
        if (r == 0) {
            /* some transports notice only when they send */
            Context context;
            TpmSealed sealed = {0};
            Secret *key = NULL;

            assert_int_equal(context_system(&context), 0);
            r = tpm_seal(tpm, &context, &(TpmSealRequest){0}, &reason, &sealed, &key);
            tpm = tpm_free(tpm);
            print_message("%s: found out late: %s\n", rows[i].device, reason.text);
        } else {
            assert_non_null(strstr(reason.text, rows[i].words));
        }
        assert_int_equal(r, rows[i].rc);
        assert_null(tpm);
    }
}

static void test_tpm_that_goes_away(void **state)
{
    _cleanup_(tpm_sealed_done) TpmSealed sealed = {0};
    _cleanup_(secret_freep) Secret *key = NULL, *unsealed = NULL;
    Fixture *fixture = *state;
    TpmSealedView view;

    seal(fixture, 0, &sealed, &key);
    view = tpm_sealed_view(&sealed);
    swtpm_kill(fixture->swtpm);
    assert_int_equal(tpm_unseal(fixture->tpm, &view, &fixture->reason, &unsealed),
                     OUTCOME_TPM_UNREACHABLE);
    assert_null(unsealed);
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    assert_unseals(fixture, &sealed, key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_tpm(test_round_trip),
        with_tpm(test_keys_are_fresh),
        with_tpm(test_pinned),
        with_tpm(test_survives_a_restart),
        with_tpm(test_rsa_where_there_is_no_ecc),
        with_tpm(test_sha1_where_there_is_no_sha256),
        with_tpm(test_changed_pcr),
        with_tpm(test_changed_pcr_is_named),
        with_tpm(test_header_that_lies_about_the_policy),
        with_tpm(test_seal_for_pcrs_that_there_are_not),
        with_tpm(test_foreign_tpm),
        with_tpm(test_every_byte_counts),
        with_tpm(test_has_srk),
        cmocka_unit_test(test_unreachable),
        with_tpm(test_tpm_that_goes_away),
    };

    return run_with_swtpm(tests);
}
