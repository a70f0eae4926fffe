/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of the key pool of lib/seal/reseal.c: which credentials share a key, and how often the TPM
 * is used. */

#include "seal_fixture.h"
#include "store_put.h"

#include "seal/reseal.h"

#define LOOK "the TPM to look for its storage root key for web@x;"
#define SEAL "the TPM to seal a key for web@x;"

static KeyPool pool_of(const SealFixture *fixture, const SealSpec *spec)
{
    return (KeyPool){.seal = {&fixture->context, spec, &fixture->observer}};
}

static int resolve(KeyPool *pool, const SealSpec *spec, const CredentialSections *old,
                   SealTarget **ret)
{
    pool->seal.spec = spec;
    return key_pool_target(pool, old, "web@x", NULL, ret);
}

static const SealKeys *keys_for(KeyPool *pool, const SealSpec *spec, const char *machine)
{
    const SealKeys *keys;
    SealTarget *target;
    Reason reason = {0};

    assert_int_equal(resolve(pool, spec, NULL, &target), 0);
    if (key_pool_keys(pool, target, machine, "web@x", &reason, &keys) != 0)
        fail_msg("%s", reason.text);
    return keys;
}

/* --- keys --- */

/* How a credential is sealed. */
typedef struct How {
    unsigned key_types, version;
    uint64_t pcrs;
} How;

static SealSpec spec_of(const SealFixture *fixture, const How *how)
{
    SealSpec spec = fixture_spec(fixture, how->key_types, how->version);

    spec.has_pcrs = true;
    spec.pcrs.mask = how->pcrs;
    return spec;
}

typedef enum Relation { SAME_KEYS, SAME_TPM_KEY, NOTHING_SHARED } Relation;

static Relation relation(const SealKeys *a, const SealKeys *b)
{
    TpmSealedView views[] = {tpm_sealed_view(&a->tpm_sealed), tpm_sealed_view(&b->tpm_sealed)};

    if (a == b)
        return SAME_KEYS;
    if (!a->tpm || !b->tpm || !secret_equal(a->tpm, b->tpm))
        return NOTHING_SHARED;
    assert_true(tpm_sealed_view_equal(&views[0], &views[1]));
    return SAME_TPM_KEY;
}

#define BOTH (KIND_HOST | KIND_TPM)

static void test_keys(void **state)
{
    SealFixture *fixture = *state;
    static const How tpm = {KIND_TPM, 257, 0}, tpm7 = {KIND_TPM, 257, 1 << 7};
    static const How both = {BOTH, 257, 0}, both7 = {BOTH, 257, 1 << 7}, host = {KIND_HOST, 257, 0};
    static const How older = {KIND_TPM, 252, 0}, pinned = {KIND_TPM, 262, 0};
    static const struct {
        const char *rule;
        const How *hows[2];
        const char *machines[2]; /* NULL: for a single credential */
        bool fresh;
        Relation relation;
        unsigned sealings; /* by the TPM */
    } rows[] = {
        {"a machine has one key", {&tpm, &tpm}, {"web", "web"}, false, SAME_KEYS, 1},
        {"with PCRs", {&both7, &both7}, {"web", "web"}, false, SAME_KEYS, 1},
        {"another machine", {&tpm, &tpm}, {"web", "db"}, false, NOTHING_SHARED, 2},
        {"a name that begins so", {&tpm, &tpm}, {"web", "web2"}, false, NOTHING_SHARED, 2},
        {"files have one each", {&tpm, &tpm}, {NULL, NULL}, false, NOTHING_SHARED, 2},
        {"a file and a machine", {&tpm, &tpm}, {NULL, "web"}, false, NOTHING_SHARED, 2},
        {"a machine and a file", {&tpm, &tpm}, {"web", NULL}, false, NOTHING_SHARED, 2},
        {"fresh keys", {&tpm, &tpm}, {"web", "web"}, true, NOTHING_SHARED, 2},
        {"fresh, and the host key", {&tpm, &both}, {"web", "web"}, true, NOTHING_SHARED, 2},
        {"the host key, too", {&tpm, &both}, {"web", "web"}, false, SAME_TPM_KEY, 1},
        {"without the host key", {&both7, &tpm7}, {"web", "web"}, false, SAME_TPM_KEY, 1},
        {"another machine's, too", {&tpm, &both}, {"web", "db"}, false, NOTHING_SHARED, 2},
        {"a version of the same form", {&tpm, &older}, {"web", "web"}, false, SAME_TPM_KEY, 1},
        {"another form", {&tpm, &pinned}, {"web", "web"}, false, NOTHING_SHARED, 2},
        {"other PCRs", {&tpm, &tpm7}, {"web", "web"}, false, NOTHING_SHARED, 2},
        {"without the TPM", {&host, &tpm}, {"web", "web"}, false, NOTHING_SHARED, 1},
        {"the host key alone", {&host, &host}, {"web", "web"}, false, SAME_KEYS, 0},
    };
    _cleanup_(freep) uint8_t *srk = NULL;
    size_t size;

    assert_int_equal(swtpm_make_srk(fixture->swtpm, &srk, &size), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        SealSpec first = spec_of(fixture, rows[i].hows[0]);
        SealSpec second = spec_of(fixture, rows[i].hows[1]);
        _cleanup_(key_pool_done) KeyPool pool = pool_of(fixture, &first);
        const SealKeys *one, *other;

        first.fresh_key = second.fresh_key = rows[i].fresh;
        fixture->waits[0] = '\0';
        one = keys_for(&pool, &first, rows[i].machines[0]);
        other = keys_for(&pool, &second, rows[i].machines[1]);
        if (relation(one, other) != rows[i].relation)
            fail_msg("%s: %d", rows[i].rule, relation(one, other));
        if (fixture_waits(fixture, SEAL) != rows[i].sealings)
            fail_msg("%s: %s", rows[i].rule, fixture->waits);
        assert_int_equal(one->kind->key_types & BOTH, rows[i].hows[0]->key_types);
        assert_int_equal(other->kind->key_types & BOTH, rows[i].hows[1]->key_types);
        assert_int_equal(other->host != NULL, (rows[i].hows[1]->key_types & KIND_HOST) != 0);
    }
}

/* A thousand requests for the same target get one key, whatever is requested in between. */
static void test_many(void **state)
{
    SealFixture *fixture = *state;
    SealSpec specs[2] = {fixture_spec(fixture, KIND_TPM, 257), fixture_spec(fixture, BOTH, 257)};
    _cleanup_(key_pool_done) KeyPool pool = pool_of(fixture, specs);
    const SealKeys *keys[4] = {0};

    for (size_t i = 0; i < 1000; i++) {
        const SealKeys *now = keys_for(&pool, &specs[i % 2], i / 2 % 2 ? "web" : "db");

        assert_true(!keys[i % 4] || keys[i % 4] == now);
        keys[i % 4] = now;
    }
    assert_int_equal(fixture_waits(fixture, SEAL), 2);
    assert_int_equal(relation(keys[0], keys[1]), SAME_TPM_KEY);
    assert_int_equal(relation(keys[2], keys[3]), SAME_TPM_KEY);
    assert_int_equal(relation(keys[0], keys[2]), NOTHING_SHARED);
}

/* A machine's first key is the one of its credentials in the store. */
static void test_key_of_the_store(void **state)
{
    SealFixture *fixture = *state;
    static const struct {
        const char *rule, *name;
        bool store, fresh, joins;
    } rows[] = {
        {"the same machine", "web@x", true, false, true},
        {"another machine", "db@x", true, false, false},
        {"a fresh one", "web@x", true, true, false},
        {"no store is named", "web@x", false, false, false},
    };
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(sample_done) Sample sample = {0};
    CredentialName name;

    fixture_sample(fixture, &spec, &sample);
    assert_int_equal(credential_name_new("web", "first", NULL, &name), 0);
    assert_int_equal(store_put(fixture->store, &name, bytes_view(&sample.sealed)), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(key_pool_done) KeyPool pool = pool_of(fixture, &spec);
        TpmSealedView view;

        spec.name = rows[i].name;
        spec.share_store = rows[i].store ? fixture->store : NULL;
        spec.fresh_key = rows[i].fresh;
        view = tpm_sealed_view(&keys_for(&pool, &spec, "web")->tpm_sealed);
        if (tpm_sealed_view_equal(&view, &sample.sections.tpm) != rows[i].joins)
            fail_msg("%s", rows[i].rule);
    }
}

/* --- targets --- */

static void test_targets(void **state)
{
    SealFixture *fixture = *state;
    SealSpec plain = fixture_spec(fixture, KIND_TPM, 257), bound = plain, kept = plain;
    _cleanup_(sample_done) Sample a = {0}, b = {0}, host = {0};
    _cleanup_(key_pool_done) KeyPool pool = pool_of(fixture, &plain);
    SealTarget *first, *again, *third;

    bound.has_pcrs = true;
    bound.pcrs.mask = 1 << 7;
    kept.keys = SEAL_KEEP_KEYS;
    fixture_sample(fixture, &plain, &a);
    fixture_sample(fixture, &plain, &b);
    plain.key_types = KIND_HOST;
    fixture_sample(fixture, &plain, &host);
    plain.key_types = KIND_TPM;

    /* two credentials with different keys: the TPM unseals once, and seals nothing */
    assert_false(tpm_sealed_view_equal(&a.sections.tpm, &b.sections.tpm));
    assert_int_equal(resolve(&pool, &kept, &a.sections, &first), 0);
    assert_int_equal(resolve(&pool, &kept, &b.sections, &again), 0);
    assert_ptr_equal(first, again);
    assert_string_equal(fixture->waits, LOOK);
    assert_string_equal(first->kind->name, "tpm2");
    /* however it was specified */
    assert_int_equal(resolve(&pool, &plain, &host.sections, &again), 0);
    assert_ptr_equal(first, again);

    assert_int_equal(resolve(&pool, &kept, &host.sections, &third), 0);
    assert_ptr_not_equal(first, third);
    assert_string_equal(third->kind->name, "host");
    assert_int_equal(resolve(&pool, &bound, &a.sections, &again), 0);
    assert_ptr_not_equal(first, again);
    assert_int_equal(again->pcrs.mask, 1 << 7);
    assert_int_equal(pool.target_count, 3);
    assert_int_equal(pool.key_count, 0);
}

static void test_null_key(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, 0, 257);
    _cleanup_(key_pool_done) KeyPool pool = pool_of(fixture, &spec);
    SealTarget *target = NULL;
    Reason reason = {0};

    assert_int_equal(key_pool_target(&pool, NULL, "web@x", &reason, &target), OUTCOME_USAGE);
    assert_non_null(strstr(reason.text, "null key"));
    assert_null(target);
    spec.allow_null = true;
    assert_int_equal(key_pool_target(&pool, NULL, "web@x", NULL, &target), 0);
    assert_string_equal(target->kind->name, "null");
}

/* --- failures --- */

/* After a failure, the next attempt may succeed. */
static void test_failures(void **state)
{
    SealFixture *fixture = *state;
    SealSpec spec = fixture_spec(fixture, KIND_TPM, 257);
    _cleanup_(key_pool_done) KeyPool pool = pool_of(fixture, &spec);
    const SealKeys *keys = NULL;
    SealTarget *target = NULL;

    swtpm_kill(fixture->swtpm);
    assert_int_equal(resolve(&pool, &spec, NULL, &target), OUTCOME_TPM_UNREACHABLE);
    assert_null(target);
    assert_int_equal(pool.target_count, 0);
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    assert_int_equal(resolve(&pool, &spec, NULL, &target), 0);
    swtpm_kill(fixture->swtpm);
    assert_int_equal(key_pool_keys(&pool, target, "web", "web@x", NULL, &keys),
                     OUTCOME_TPM_UNREACHABLE);
    assert_null(keys);
    assert_int_equal(pool.key_count, 0);
    assert_int_equal(swtpm_restart(fixture->swtpm), 0);
    assert_int_equal(key_pool_keys(&pool, target, "web", "web@x", NULL, &keys), 0);
    assert_ptr_equal(keys_for(&pool, &spec, "web"), keys);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_keys),
        with_fixture(test_many),
        with_fixture(test_key_of_the_store),
        with_fixture(test_targets),
        with_fixture(test_null_key),
        with_fixture(test_failures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
