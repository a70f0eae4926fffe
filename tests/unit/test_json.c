/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of the strict JSON: what is refused, and that the error has the right position.
 */

#include "support.h"

#include "base/json.h"

#include <errno.h>
#include <string.h>

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        size_t line, column;
        const char *rule;
    } rows[] = {
        {"", 1, 1, "nothing"},
        {"{", 1, 2, "truncated"},
        {"{\"a\": [1, 2", 1, 12, "truncated in a list"},
        {"{\"a\": 1} x", 1, 10, "text behind it"},
        {"{\"a\": 1}{}", 1, 9, "a second value"},
        {"{\n  \"a\": 1,\n}", 3, 1, "a comma before the end"},
        {"{\n\n  'a': 1}", 3, 3, "single quotes"},
        {"{\"a\": /* b */ 1}", 1, 7, "a comment"},
        {"[[[[[[[[1]]]]]]]]", 1, 5, "nested too deeply"},
        {"{\"a\": 1, \"a\": 2}", 1, 10, "a name twice"},
        {"{\"a\": {\"b\": 1},\n \"c\": [{\"d\": 1,\n\"d\": 1}]}", 3, 1, "a name twice, inside"},
        {"{\"a\": 1, \"\\u0061\": 2}", 1, 10, "a name twice, once escaped"},
        {"{\"ä\": \"ö\", \"ä\": 2}", 1, 12, "columns are characters"},
        {"{\"ä\": 1} ä", 1, 10, "a letter that is not in a text"},
        {"{\"ä\": \"\xff\"}", 1, 8, "not UTF-8"},
        {"{\"a\\\"\": {\"}\": \"\\\\\"}, \"a\\\"\": 2}", 1, 22, "quotes and brackets in texts"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct json_object *value = NULL;
        JsonPosition place = {0};
        Reason reason = {0};

        assert_int_equal(json_parse(test_view(rows[i].text), 4, &place, &reason, &value),
                         OUTCOME_MALFORMED);
        if (!reason.text[0] || place.line != rows[i].line || place.column != rows[i].column)
            fail_msg("%s: at %zu:%zu: %s", rows[i].rule, place.line, place.column, reason.text);
        assert_null(value);
    }
}

static void test_other_letters(void **state)
{
    struct json_object *value, *member;

    (void)state;
    assert_int_equal(json_parse(test_view("{\"ä\": \"…º𝄞\"}"), 4, NULL, NULL, &value), 0);
    assert_true(json_object_object_get_ex(value, "ä", &member));
    assert_string_equal(json_text(member), "…º𝄞");
    json_object_put(value);
}

static void test_reason_has_the_place(void **state)
{
    struct json_object *value;
    Reason reason;

    (void)state;
    assert_int_equal(json_parse(test_view("{\n \"a\": 1,\n \"a\": 2}"), 4, NULL, &reason, &value),
                     OUTCOME_MALFORMED);
    assert_string_equal(reason.text, "a second member with the same name (line 3, column 2)");
}

/* The error's position is that of the NUL, and nothing after it is read. */
static void test_nul(void **state)
{
    static const uint8_t text[] = "{\"a\"\n:\0 1}";
    struct json_object *value;
    JsonPosition place = {0};

    (void)state;
    assert_int_equal(json_parse((BytesView){text, sizeof(text) - 1}, 4, &place, NULL, &value),
                     OUTCOME_MALFORMED);
    assert_int_equal(place.line, 2);
    assert_int_equal(place.column, 2);
}

static void test_places(void **state)
{
    static const char text[] = "\n{ \"first\": [10, {\"}\":1},\n [\"a]\", \"b\"] ],\n"
                               "  \"second\" : {\"x\\\"\": {}, \"y\": null, \"z\": -1.5e3}\n}\n";
    static const struct {
        size_t path[3];
        size_t levels;
        size_t line, column;
    } rows[] = {
        {{0}, 0, 2, 1},        {{0}, 1, 2, 3},     {{0, 0}, 2, 2, 13},   {{0, 1}, 2, 2, 17},
        {{0, 1, 0}, 3, 2, 18}, {{0, 2}, 2, 3, 2},  {{0, 2, 0}, 3, 3, 3}, {{0, 2, 1}, 3, 3, 9},
        {{1}, 1, 4, 3},        {{1, 0}, 2, 4, 15}, {{1, 1}, 2, 4, 26},   {{1, 2}, 2, 4, 37},
        {{7, 7, 7}, 3, 6, 1},
    };
    _cleanup_(json_object_putp) struct json_object *value = NULL;

    (void)state;
    assert_int_equal(json_parse(test_view(text), 8, NULL, NULL, &value), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        JsonPosition place = json_position(test_view(text), rows[i].path, rows[i].levels);

        if (place.line != rows[i].line || place.column != rows[i].column)
            fail_msg("row %zu: %zu:%zu", i, place.line, place.column);
    }
}

static void test_length(void **state)
{
    static const char text[] =
        "{\"two\": [1, [2, 3]], \"none\": [], \"null\": null, \"number\": 7, "
        "\"object\": {\"a\": [1]}}";
    _cleanup_(json_object_putp) struct json_object *value = NULL;

    (void)state;
    assert_int_equal(json_parse(test_view(text), 8, NULL, NULL, &value), 0);
    json_object_object_foreach(value, name, member)
    {
        assert_int_equal(json_length(member), strcmp(name, "two") == 0 ? 2 : 0);
    }
    assert_int_equal(json_length(value), 0);
}

/* What could not be added is not forgotten, however deep it was to be. */
static void test_lost(void **state)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(bytes_done) Bytes text = {0};
    struct json_object *list = json_object_new_array();

    (void)state;
    assert_true(json_append(list, json_object_new_int(1)));
    assert_true(json_add(object, "list", list));
    assert_true(json_add_text(object, "none", NULL));
    assert_true(json_add_view(object, "view", (BytesView){(const uint8_t *)"text", 2}));
    assert_int_equal(json_print(object, &text), 0);
    assert_true(bytes_view_equal(bytes_view(&text), test_view("{\"list\":[1],\"view\":\"te\"}")));
    assert_false(json_append(list, NULL));
    assert_true(json_append(list, json_object_new_int(1)));
    assert_true(json_add_number(object, "number", 1));
    assert_int_equal(json_print(object, &text), -ENOMEM);
    assert_false(json_add(NULL, "number", json_object_new_int(1)));
    assert_int_equal(json_print(NULL, &text), -ENOMEM);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_other_letters),
        cmocka_unit_test(test_reason_has_the_place),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
