/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of broker/request/key_cache.c: which keys are the same, how long one is cached, and how
 * many are. */

#include "support.h"

#include "request/key_cache.h"

#include <string.h>

#define MSEC UINT64_C(1000)
#define HOUR (3600 * 1000 * MSEC)

static uint8_t blob[64] = {1};
static uint8_t other_blob[64] = {1, [63] = 0x80};
static uint8_t policy[TPM_POLICY_BYTES];
static uint8_t other_policy[TPM_POLICY_BYTES] = {1};
static uint8_t srk[100];

static const TpmSealedView ours = {
    .pcr_mask = 1 << 7,
    .pcr_bank = TPM_ALGORITHM_SHA256,
    .primary_alg = TPM_ALGORITHM_ECC,
    .blob = {blob, sizeof(blob)},
    .policy_hash = {policy, sizeof(policy)},
};

typedef struct Fixture {
    sd_event *event;
    KeyCache *cache;
    Secret *key;
} Fixture;

/* The test's clock; 0: the real one. */
static uint64_t present;

int __real_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);
int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);

int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret)
{
    uint64_t now;
    int r = __real_sd_event_now(event, clock, &now);

    *ret = present ? present : now;
    return r;
}

static void clock_begin(void)
{
    present = 1000 * MSEC; /* after the machine booted */
}

static Fixture set_up(uint64_t idle_usec, uint64_t usec, unsigned max)
{
    static ServerConfig config;
    Fixture fixture = {0};
    Context context;

    assert_int_equal(context_system(&context), 0); /* guarded memory needs it */
    fixture.key = test_secret("0123456789abcdef0123456789abcdef");
    config = (ServerConfig){.key_idle_usec = idle_usec, .key_usec = usec, .keys_max = max};
    assert_true(sd_event_new(&fixture.event) >= 0);
    assert_int_equal(key_cache_new(fixture.event, &config, &fixture.cache), 0);
    return fixture;
}

static void done(Fixture *fixture)
{
    present = 0;
    key_cache_free(fixture->cache);
    sd_event_unref(fixture->event);
    secret_free(fixture->key);
}

static bool knows(const Fixture *fixture, const TpmSealedView *sealed)
{
    const Secret *key = key_cache_find(fixture->cache, sealed);

    if (key)
        assert_true(secret_equal(key, fixture->key));
    return key != NULL;
}

/* Returns a different sealed key for each number. */
static TpmSealedView numbered(unsigned number)
{
    TpmSealedView sealed = ours;

    sealed.pcr_mask = number;
    return sealed;
}

/* Lets this much time pass. The event loop's timer, which has the real clock, is due whenever it
 * runs. */
static void let_pass(const Fixture *fixture, uint64_t usec)
{
    present += usec;
    assert_true(sd_event_run(fixture->event, 0) >= 0);
}

static void test_every_field_counts(void **state)
{
    static const uint8_t pem[] = "-----BEGIN PUBLIC KEY-----";
    static const TpmSealedView other = {
        .pcr_mask = 1 << 8,
        .pcr_bank = TPM_ALGORITHM_SHA1,
        .primary_alg = TPM_ALGORITHM_RSA,
        .blob = {other_blob, sizeof(other_blob)},
        .policy_hash = {other_policy, sizeof(other_policy)},
        .srk = {srk, sizeof(srk)},
        .public_key = {pem, sizeof(pem)},
        .public_key_mask = 1 << 11,
    };
#define ROW(field)                                                                                 \
    {                                                                                              \
        offsetof(TpmSealedView, field), sizeof(other.field), #field                                \
    }
    static const struct {
        size_t offset, size;
        const char *field;
    } rows[] = {
        ROW(pcr_mask),    ROW(pcr_bank), ROW(primary_alg), ROW(blob),
        ROW(policy_hash), ROW(srk),      ROW(public_key),  ROW(public_key_mask),
    };
#undef ROW
    _cleanup_(done) Fixture fixture = set_up(HOUR, HOUR, 8);
    TpmSealedView shorter = ours;

    (void)state;
    assert_false(knows(&fixture, &ours));
    key_cache_add(fixture.cache, &ours, fixture.key);
    for (size_t i = 0; i < COUNT(rows); i++) {
        TpmSealedView sealed = ours;

        memcpy((uint8_t *)&sealed + rows[i].offset, (const uint8_t *)&other + rows[i].offset,
               rows[i].size);
        if (knows(&fixture, &sealed))
            fail_msg("%s does not count", rows[i].field);
    }
    shorter.blob.size--;
    assert_false(knows(&fixture, &shorter));
    assert_true(knows(&fixture, &ours));
}

/* The cache keeps copies: the file and the key that it was given may go. */
static void test_copies(void **state)
{
    _cleanup_(done) Fixture fixture = set_up(HOUR, HOUR, 8);
    uint8_t bytes[sizeof(blob)];
    TpmSealedView sealed = ours;
    Secret *key = test_secret("0123456789abcdef0123456789abcdef");

    (void)state;
    memcpy(bytes, blob, sizeof(bytes));
    sealed.blob.data = bytes;
    key_cache_add(fixture.cache, &sealed, key);
    memset(bytes, 0xff, sizeof(bytes));
    secret_free(key);
    assert_true(knows(&fixture, &ours));
    assert_false(knows(&fixture, &sealed));
}

static void test_unused_expires(void **state)
{
    _cleanup_(done) Fixture fixture = set_up(500 * MSEC, 10000 * MSEC, 8);
    const Secret *key;

    (void)state;
    clock_begin();
    key_cache_add(fixture.cache, &ours, fixture.key);
    for (unsigned i = 0; i < 10; i++) { /* longer than 500 ms, but used */
        let_pass(&fixture, 60 * MSEC);
        assert_true(knows(&fixture, &ours));
    }
    key = key_cache_find(fixture.cache, &ours);
    assert_non_null(key);
    let_pass(&fixture, 500 * MSEC);
    assert_false(knows(&fixture, &ours));
}

static void test_used_expires_all_the_same(void **state)
{
    _cleanup_(done) Fixture fixture = set_up(100 * MSEC, 200 * MSEC, 8);

    (void)state;
    clock_begin();
    key_cache_add(fixture.cache, &ours, fixture.key);
    for (unsigned i = 0; i < 10; i++) {
        assert_true(knows(&fixture, &ours));
        let_pass(&fixture, 20 * MSEC);
    }
    assert_false(knows(&fixture, &ours));
}

/* The timer wipes the key without any request: the loop wakes up just for that. */
static void test_timer_wipes(void **state)
{
    _cleanup_(done) Fixture fixture = set_up(50 * MSEC, 10000 * MSEC, 8);

    (void)state;
    key_cache_add(fixture.cache, &ours, fixture.key);
    assert_true(sd_event_run(fixture.event, 5000 * MSEC) > 0);
    /* and then has no reason to wake up again */
    assert_int_equal(sd_event_run(fixture.event, 100 * MSEC), 0);
    assert_false(knows(&fixture, &ours));
}

static void test_last_used_stay(void **state)
{
    _cleanup_(done) Fixture fixture = set_up(HOUR, HOUR, 3);
    TpmSealedView keys[] = {numbered(0), numbered(1), numbered(2), numbered(3)};

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        key_cache_add(fixture.cache, &keys[i], fixture.key);
    assert_true(knows(&fixture, &keys[0]));
    key_cache_add(fixture.cache, &keys[3], fixture.key);
    assert_true(knows(&fixture, &keys[0]));
    assert_false(knows(&fixture, &keys[1]));
    assert_true(knows(&fixture, &keys[2]));
    assert_true(knows(&fixture, &keys[3]));
    /* adding the same key again takes no room */
    key_cache_add(fixture.cache, &keys[3], fixture.key);
    assert_true(knows(&fixture, &keys[0]));
}

static void test_none_may_stay(void **state)
{
    _cleanup_(done) Fixture fixture = set_up(HOUR, HOUR, 0);

    (void)state;
    key_cache_add(fixture.cache, &ours, fixture.key);
    assert_false(knows(&fixture, &ours));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_field_counts), cmocka_unit_test(test_copies),
        cmocka_unit_test(test_unused_expires),     cmocka_unit_test(test_used_expires_all_the_same),
        cmocka_unit_test(test_timer_wipes),        cmocka_unit_test(test_last_used_stay),
        cmocka_unit_test(test_none_may_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
