/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of templates: placeholders, braces, and invalid templates.
 */

#include "support.h"

#include "policy/template.h"

#include <string.h>

/* Returns the template with every placeholder as <ID>, in static memory. */
static const char *taken_apart(const char *text)
{
    static char result[256];
    TemplatePiece piece;

    result[0] = '\0';
    while (template_next(&text, &piece)) {
        size_t used = strlen(result);

        if (piece.text.size > 0)
            snprintf(result + used, sizeof(result) - used, "%.*s", (int)piece.text.size,
                     (const char *)piece.text.data);
        else
            snprintf(result + used, sizeof(result) - used, "<%s>", piece.id);
    }
    return result;
}

static void test_places(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } rows[] = {
        {"plain", "plain"},
        {"{{a}}", "<a>"},
        {"A={{a}}\nB={{b.c-d_e}}\n", "A=<a>\nB=<b.c-d_e>\n"},
        {"{{a}}{{b}}", "<a><b>"},
        {"{a}", "{a}"},
        {"}}", "}}"},
        {"{{a}}}", "<a>}"},
        {"{{{a}}}", "{<a>}"},
        {"{\"k\":\"{{a}}\"}", "{\"k\":\"<a>\"}"},
        {"{{{{", "{{"},
        {"{{{{a}}", "{{a}}"},
        {"{{{{{", "{{{"},
        {"{{{{{{a}}", "{{<a>"},
        {"{{{{{{{a}}", "{{{<a>"},
        {"{{{{{{{{", "{{{{"},
        {"{", "{"},
        {"a {", "a {"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        if (template_check(rows[i].text, &reason) != 0)
            fail_msg("%s: %s", rows[i].text, reason.text);
        assert_string_equal(taken_apart(rows[i].text), rows[i].expected);
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text;
        const char *words;
    } rows[] = {
        {"", "empty"},          {"{{", "byte 1 "},   {"x{{a", "byte 2 "},
        {"x{{a}", "byte 2 "},   {"{{}}", "byte 1 "}, {"{{a}} {{ b }}", "byte 7 "},
        {"{{a/b}}", "byte 1 "}, {"{{{", "byte 2 "},  {"{{a\n}}", "byte 1 "},
    };
    char many[(LIMIT_TEMPLATE_PLACEHOLDERS + 1) * 5 + 1] = "";
    char *large = malloc(LIMIT_TEMPLATE_BYTES + 2);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Reason reason = {0};

        assert_int_equal(template_check(rows[i].text, &reason), OUTCOME_MALFORMED);
        if (!strstr(reason.text, rows[i].words))
            fail_msg("%s: %s", rows[i].text, reason.text);
    }
    for (size_t i = 0; i < LIMIT_TEMPLATE_PLACEHOLDERS; i++)
        strcat(many, "{{a}}");
    assert_int_equal(template_check(many, NULL), 0);
    strcat(many, "{{a}}");
    assert_int_equal(template_check(many, NULL), OUTCOME_MALFORMED);

    assert_non_null(large);
    memset(large, 'x', LIMIT_TEMPLATE_BYTES + 1);
    large[LIMIT_TEMPLATE_BYTES + 1] = '\0';
    assert_int_equal(template_check(large, NULL), OUTCOME_MALFORMED);
    assert_int_equal(template_check(large + 1, NULL), 0);
    free(large);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
