/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/terminal/safe_text.c. */

#include "support.h"

#include "terminal/safe_text.h"

#include <string.h>

typedef struct Row {
    const char *rule;
    const char *text;
    const char *cleaned; /* NULL: it is safe and stays unchanged */
} Row;

static const Row rows[] = {
    {"nothing", "", NULL},
    {"ASCII", "correct horse ~", NULL},
    {"two bytes", "gr\xc3\xbc\xc3\x9f", NULL},
    {"the first after C1", "\xc2\xa0", NULL},
    {"three bytes", "\xe2\x82\xac \xe0\xa0\x80 \xed\x9f\xbf \xef\xbf\xbd", NULL},
    {"four bytes", "\xf0\x90\x80\x80 \xf0\x9f\x94\x91 \xf4\x8f\xbf\xbf", NULL},
    {"escape", "a\033[2Jb", "a?[2Jb"},
    {"delete", "a\x7f", "a?"},
    {"carriage return", "a\rb", "a?b"},
    {"a lone C1 byte, which is CSI",
     "a\x9b"
     "2J",
     "a?2J"},
    {"every C1 byte", "\x80\x90\x9f", "???"},
    {"C1 in UTF-8",
     "a\xc2\x9b"
     "2J",
     "a??2J"},
    {"a continuation by itself", "a\xbf", "a?"},
    {"cut short", "\xe2\x82", "??"},
    {"cut short by ASCII",
     "\xe2\x82"
     "a",
     "??a"},
    {"longer than it has to be: 2", "\xc0\x9b \xc1\xbf", "?? ??"},
    {"longer than it has to be: 3", "\xe0\x82\x9b", "???"},
    {"longer than it has to be: 4", "\xf0\x80\x82\x9b", "????"},
    {"a surrogate", "\xed\xa0\x80", "???"},
    {"beyond Unicode", "\xf4\x90\x80\x80 \xf5\x80\x80\x80", "???? ????"},
    {"never UTF-8", "\xfe\xff", "??"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const Row *row = &rows[i];
        _cleanup_(freep) char *text = strdup(row->text);

        print_message("%s\n", row->rule);
        assert_int_equal(safe_text_is((BytesView){(const uint8_t *)text, strlen(text)}),
                         !row->cleaned);
        safe_text_clean(text);
        assert_string_equal(text, row->cleaned ? row->cleaned : row->text);
        assert_true(safe_text_is((BytesView){(const uint8_t *)text, strlen(text)}));
    }
}

/* In a value, newlines and tabs are safe; in a message they would start lines of their own. */
static void test_spaces(void **state)
{
    char text[] = "a\n\tb";

    (void)state;
    assert_true(safe_text_is((BytesView){(const uint8_t *)text, strlen(text)}));
    assert_false(safe_text_is((BytesView){(const uint8_t *)"a\0b", 3}));
    safe_text_clean(text);
    assert_string_equal(text, "a??b");
}

static void test_json(void **state)
{
    static const struct {
        const char *rule, *text, *printed;
    } json_rows[] = {
        {"as it is", "[\n  \"gr\xc3\xbc\xc3\x9f \\u001b\"\n]", NULL},
        {"delete", "\"a\x7f\"", "\"a\\u007f\""},
        {"C1", "\"\xc2\x80\xc2\x9f\xc2\xa0\"", "\"\\u0080\\u009f\xc2\xa0\""},
        {"no UTF-8", "\"\x9b\xc2\"", "\"\\ufffd\\ufffd\""},
        {"a tab or an escape", "\t\033", "\\ufffd\\ufffd"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(json_rows); i++) {
        _cleanup_(freep) char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        print_message("%s\n", json_rows[i].rule);
        assert_non_null(file);
        safe_text_put_json(json_rows[i].text, file);
        fclose(file);
        assert_string_equal(text, json_rows[i].printed ? json_rows[i].printed : json_rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_spaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
