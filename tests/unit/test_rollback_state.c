/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/store/rollback_state.c: the text of the state, and what the counter says to it. */

#include "support.h"

#include "store/rollback_state.h"
#include "tpm/counter.h"

#include <string.h>

static const RollbackState example = {
    .counter = TPM_COUNTER_DEFAULT,
    .value = 17,
    .counted = TEST_NOW,
    .changed = true,
    .store = {1, 2, 3},
    .before = {4, 5, 6},
    .fleets = {{"edge", 1, 0}, {"prod", LIMIT_FLEET_SEQUENCE, 41}},
    .fleet_count = 2,
};

static Secret *key(void)
{
    return test_secret("0123456789abcdef0123456789abcdef");
}

static int parse(const char *text, size_t size, RollbackState *ret)
{
    _cleanup_(secret_freep) Secret *own = key();

    return rollback_state_parse((BytesView){(const uint8_t *)text, size}, own, NULL, ret);
}

static void format(const RollbackState *state, char text[LIMIT_ROLLBACK_BYTES])
{
    _cleanup_(secret_freep) Secret *own = key();

    rollback_state_format(state, own, text);
}

static void test_round(void **state)
{
    static const char begin[] = "nspawn-creds-rollback 1\n"
                                "counter 0x01804e43\n"
                                "value 17\n"
                                "counted 2026-11-24T00:00:00Z\n"
                                "changed yes\n"
                                "store 010203";
    char text[LIMIT_ROLLBACK_BYTES];
    RollbackState parsed;

    (void)state;
    format(&example, text);
    assert_memory_equal(text, begin, strlen(begin));
    assert_non_null(strstr(text, "\nfleet edge 1 0\nfleet prod 9007199254740991 41\nmac "));
    assert_int_equal(parse(text, strlen(text), &parsed), 0);
    assert_true(rollback_state_equal(&parsed, &example));
    assert_true(rollback_state_pending(&parsed));
}

/* Every truncation, and every change of a bit, is noticed. */
static void test_damage(void **state)
{
    char text[LIMIT_ROLLBACK_BYTES];
    RollbackState parsed;
    size_t size;

    (void)state;
    format(&example, text);
    size = strlen(text);
    for (size_t i = 0; i < size; i++)
        assert_int_not_equal(parse(text, i, &parsed), 0);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        text[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_not_equal(parse(text, size, &parsed), 0);
        text[bit / 8] ^= (char)(1 << bit % 8);
    }
    assert_int_equal(parse(text, size, &parsed), 0);
}

/* Only the one way to write a state is valid: each row is made from the text before the MAC. */
static void test_lines(void **state)
{
    static const struct {
        const char *what, *from, *to;
    } rows[] = {
        {"another version", "rollback 1", "rollback 2"},
        {"a number with a zero in front", "value 17", "value 017"},
        {"a sign", "value 17", "value +17"},
        {"a number that JSON could not say", "value 17", "value 9007199254740992"},
        {"an index of the firmware's", "0x01804e43", "0x01c00002"},
        {"an index below the owner's", "0x01804e43", "0x017fffff"},
        {"upper case", "0x01804e43", "0x01804E43"},
        {"neither yes nor no", "changed yes", "changed maybe"},
        {"no time", "2026-11-24T00:00:00Z", "2026-11-24"},
        {"half an index", "store 01", "store "},
        {"a line twice", "changed yes\n", "changed yes\nchanged yes\n"},
        {"a line less", "changed yes\n", ""},
        {"an unknown line", "changed yes\n", "changed yes\nmore yes\n"},
        {"a fleet twice", "fleet edge 1 0\n", "fleet edge 1 0\nfleet edge 1 0\n"},
        {"fleets that are not sorted", "fleet edge", "fleet rose"},
        {"a fleet's name", "fleet edge", "fleet Edge"},
        {"one sequence", "edge 1 0", "edge 1"},
        {"three sequences", "edge 1 0", "edge 1 0 0"},
    };
    _cleanup_(secret_freep) Secret *own = key();
    char good[LIMIT_ROLLBACK_BYTES], text[2 * LIMIT_ROLLBACK_BYTES];
    RollbackState parsed;

    (void)state;
    format(&example, good);
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *at = strstr(good, rows[i].from);
        Reason reason = {0};

        assert_non_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, rows[i].to,
                 at + strlen(rows[i].from));
        if (rollback_state_parse(test_view(text), own, &reason, &parsed) != OUTCOME_MALFORMED)
            fail_msg("%s: %s", rows[i].what, reason.text);
    }
}

static void test_other_key(void **state)
{
    _cleanup_(secret_freep) Secret *other = test_secret("0123456789abcdef0123456789abcdeF");
    char text[LIMIT_ROLLBACK_BYTES];
    RollbackState parsed;

    (void)state;
    format(&example, text);
    assert_int_equal(rollback_state_parse(test_view(text), other, NULL, &parsed),
                     OUTCOME_NOT_AUTHENTIC);
}

static void test_limits(void **state)
{
    char text[2 * LIMIT_ROLLBACK_BYTES] = "", name[LIMIT_FLEET_NAME_BYTES + 1];
    RollbackState full = example, parsed;

    (void)state;
    full.fleet_count = 0;
    for (size_t i = 0; i < LIMIT_ROLLBACK_FLEETS; i++) {
        RollbackFleet *fleet;

        /* not in their order, as long as can be */
        snprintf(name, sizeof(name), "%032zu", (i * 7) % LIMIT_ROLLBACK_FLEETS);
        fleet = rollback_state_add(&full, name);
        assert_non_null(fleet);
        fleet->sequence = fleet->before = LIMIT_FLEET_SEQUENCE;
    }
    assert_null(rollback_state_add(&full, "one-more"));
    format(&full, text);
    assert_int_equal(parse(text, strlen(text), &parsed), 0);
    assert_true(rollback_state_equal(&parsed, &full));
    memset(text, '\n', sizeof(text));
    assert_int_equal(parse(text, sizeof(text), &parsed), OUTCOME_MALFORMED);
}

static void test_verdict(void **state)
{
    static const struct {
        uint64_t value;
        RollbackVerdict verdict;
        const char *words;
    } rows[] = {
        {17, ROLLBACK_NONE, ""},
        {16, ROLLBACK_RESUME, ""},
        {18, ROLLBACK_NOTICED, "an older copy"},
        {1000, ROLLBACK_NOTICED, "an older copy"},
        {UINT64_MAX, ROLLBACK_NOTICED, "an older copy"},
        {15, ROLLBACK_NOTICED, "another TPM"},
        {0, ROLLBACK_NOTICED, "another TPM"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        assert_int_equal(rollback_state_judge(&example, rows[i].value, &reason), rows[i].verdict);
        assert_non_null(strstr(reason.text, rows[i].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),  cmocka_unit_test(test_damage),
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_other_key),
        cmocka_unit_test(test_limits), cmocka_unit_test(test_verdict),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
