/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/value_changes.c: what apply reads of a broker that may be hostile. */

#include "support.h"

#include "base/limits.h"
#include "fleet/value_changes.h"
#include "store/commit.h"

#include <string.h>

#define ONE "1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "2222222222222222222222222222222222222222222222222222222222222222"

static CredentialName name_of(const char *text)
{
    CredentialName name;

    assert_int_equal(credential_name_parse(text, NULL, &name), 0);
    return name;
}

static const char *statement_of(const ValueChanges *changes, const char *name)
{
    CredentialName parsed = name_of(name);
    const ValueChange *change = value_changes_find(changes, &parsed);

    return change ? change->sha256 : "none";
}

static void test_list(void **state)
{
    static const char *const names[] = {"web@b", "db@z", "web@a", "web@b"};
    _cleanup_(value_changes_done) ValueChanges changes = {0}, again = {0};
    _cleanup_(bytes_done) Bytes text = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        CredentialName name = name_of(names[i]);

        assert_int_equal(value_changes_put(&changes, &name, i < 3 ? ONE : TWO), 0);
    }
    assert_int_equal(changes.count, 3);
    assert_int_equal(value_changes_format(&changes, &text), 0);
    assert_int_equal(value_changes_parse(bytes_view(&text), NULL, &again), 0);
    assert_int_equal(again.count, 3);
    assert_string_equal(statement_of(&again, "db@z"), ONE);
    assert_string_equal(statement_of(&again, "web@a"), ONE);
    assert_string_equal(statement_of(&again, "web@b"), TWO);
    assert_string_equal(statement_of(&again, "web@c"), "none");
}

#define CHANGE(name, statement) "{\"name\":\"" name "\",\"sha256\":\"" statement "\"}"

static void test_refused(void **state)
{
    static const struct {
        const char *rule, *text;
    } rows[] = {
        {"no JSON", "changes"},
        {"no object", "[]"},
        {"another version", "{\"version\":2,\"changes\":[]}"},
        {"no version", "{\"changes\":[]}"},
        {"another member", "{\"version\":1,\"changes\":[],\"units\":[\"a.service\"]}"},
        {"no list", "{\"version\":1,\"changes\":{}}"},
        {"a number", "{\"version\":1,\"changes\":[1]}"},
        {"a path", "{\"version\":1,\"changes\":[" CHANGE("web@../../etc", ONE) "]}"},
        {"control characters", "{\"version\":1,\"changes\":[" CHANGE("web@\\u001b[2J", ONE) "]}"},
        {"no machine", "{\"version\":1,\"changes\":[" CHANGE("password", ONE) "]}"},
        {"no digest", "{\"version\":1,\"changes\":[" CHANGE("web@a", "11") "]}"},
        {"a unit", "{\"version\":1,\"changes\":[{\"name\":\"web@a\",\"sha256\":\"" ONE
                   "\",\"unit\":\"a.service\"}]}"},
        {"one twice",
         "{\"version\":1,\"changes\":[" CHANGE("web@a", ONE) "," CHANGE("web@a", TWO) "]}"},
        {"not sorted",
         "{\"version\":1,\"changes\":[" CHANGE("web@b", ONE) "," CHANGE("web@a", TWO) "]}"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        ValueChanges changes = {0};
        Reason reason = {0};

        if (value_changes_parse(text_view(rows[i].text), &reason, &changes) != OUTCOME_MALFORMED)
            fail_msg("%s", rows[i].rule);
        assert_null(strpbrk(reason.text, "\033\n"));
    }
}

/* The longest list that is written is read, and nothing that is larger. */
static void test_size(void **state)
{
    _cleanup_(value_changes_done) ValueChanges changes = {0}, again = {0};
    _cleanup_(bytes_done) Bytes text = {0}, padded = {0};
    Reason reason = {0};
    CredentialName name = {0};

    (void)state;
    for (size_t i = 0; i <= LIMIT_COMMIT_CHANGES; i++) {
        if (i == LIMIT_COMMIT_CHANGES) {
            assert_int_equal(value_changes_format(&changes, &text), 0);
            assert_int_equal(value_changes_parse(bytes_view(&text), NULL, &again), 0);
            assert_int_equal(again.count, i);
            value_changes_done(&again);
            bytes_done(&text);
        }
        snprintf(name.machine, sizeof(name.machine), "machine-with-a-long-name");
        snprintf(name.id, sizeof(name.id), "\"quoted\"-and-more-%05zu", i);
        assert_int_equal(value_changes_put(&changes, &name, ONE), 0);
    }
    assert_int_equal(value_changes_format(&changes, &text), 0);
    assert_int_equal(value_changes_parse(bytes_view(&text), &reason, &again), OUTCOME_MALFORMED);
    assert_non_null(strstr(reason.text, "too many"));
    /* spaces alone */
    padded = (Bytes){malloc(LIMIT_VALUE_CHANGES_BYTES + 1), LIMIT_VALUE_CHANGES_BYTES + 1};
    assert_non_null(padded.data);
    memset(padded.data, ' ', padded.size);
    memcpy(padded.data, "{\"version\":1,\"changes\":[]}", 26);
    assert_int_equal(value_changes_parse(bytes_view(&padded), &reason, &again), OUTCOME_MALFORMED);
    padded.size--;
    assert_int_equal(value_changes_parse(bytes_view(&padded), NULL, &again), 0);
    /* small values, of which json-c would make gigabytes */
    memset(padded.data, ',', padded.size);
    assert_int_equal(value_changes_parse(bytes_view(&padded), &reason, &again), OUTCOME_MALFORMED);
    assert_non_null(strstr(reason.text, "too large"));
}

static void test_applied(void **state)
{
    static const char *const wrong[] = {
        "{\"version\":1,\"statement\":\"" ONE
        "\",\"outcome\":\"fine\",\"time\":\"2026-11-24T00:00:00Z\",\"credential\":\"\"}",
        "{\"version\":1,\"statement\":\"" ONE
        "\",\"outcome\":\"ok\",\"time\":\"now\",\"credential\":\"\"}",
        "{\"version\":1,\"statement\":\"" ONE
        "\",\"outcome\":\"ok\",\"time\":\"2026-11-24T00:00:00Z\",\"credential\":\"x\"}",
        "{\"version\":1,\"statement\":\"1\",\"outcome\":\"ok\",\"time\":\"2026-11-24T00:00:00Z\","
        "\"credential\":\"\"}",
        "{\"version\":1,\"statement\":\"" ONE
        "\",\"outcome\":\"ok\",\"time\":\"2026-11-24T00:00:00Z\"}",
    };
    FleetApplied applied = {ONE, OUTCOME_NOT_APPLIED, TEST_NOW, "web@a"}, again;
    _cleanup_(bytes_done) Bytes text = {0};

    (void)state;
    assert_int_equal(fleet_applied_format(&applied, &text), 0);
    assert_int_equal(fleet_applied_parse(bytes_view(&text), NULL, &again), 0);
    assert_string_equal(again.statement, ONE);
    assert_int_equal(again.outcome, OUTCOME_NOT_APPLIED);
    assert_true(again.time == TEST_NOW);
    assert_string_equal(again.credential, "web@a");
    for (size_t i = 0; i < COUNT(wrong); i++)
        if (fleet_applied_parse(text_view(wrong[i]), NULL, &again) != OUTCOME_MALFORMED)
            fail_msg("%s", wrong[i]);
}

/* Of this set and this record alone. */
static void test_instead(void **state)
{
    _cleanup_(value_changes_done) ValueChanges files = {0}, again = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    const CredentialName name = {"web", "a"};

    (void)state;
    assert_int_equal(value_changes_put(&files, &name, ONE), 0);
    assert_int_equal(instead_format(&files, PENDING_RECORD, ONE, &text), 0);
    assert_int_equal(instead_parse(bytes_view(&text), PENDING_RECORD, TWO, NULL, &again),
                     OUTCOME_MALFORMED);
    assert_int_equal(instead_parse(bytes_view(&text), RESTORED_RECORD, ONE, NULL, &again),
                     OUTCOME_MALFORMED);
    assert_int_equal(again.count, 0);
    assert_int_equal(instead_parse(bytes_view(&text), PENDING_RECORD, ONE, NULL, &again), 0);
    assert_int_equal(again.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),    cmocka_unit_test(test_refused), cmocka_unit_test(test_size),
        cmocka_unit_test(test_applied), cmocka_unit_test(test_instead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
