/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/base64.c. */

#include "support.h"

#include "base/base64.h"

static void test_decoding(void **state)
{
    static const struct {
        const char *text, *binary; /* binary NULL: refused */
        const char *rule;
    } rows[] = {
        {"", "", "nothing"},
        {"Zm9vYmFy", "foobar", "in one piece"},
        {"Zm9v\nYmFy\n", "foobar", "in lines"},
        {" Zm\r\n9vYm\tE=\n", "fooba", "white space anywhere"},
        {"Zg==", "f", "two of padding"},
        {"Zg=", NULL, "padding cut short"},
        {"Zg", NULL, "no padding"},
        {"Zh==", NULL, "bits behind the end"},
        {"Zg==Zg==", NULL, "something after the padding"},
        {"Zm9_", NULL, "the URL alphabet"},
        {"Zm9v!", NULL, "not in the alphabet"},
        {"Z", NULL, "six bits"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes binary = {0};
        int r = base64_decode(test_view(rows[i].text), &binary);

        if (r != (rows[i].binary ? 0 : OUTCOME_MALFORMED))
            fail_msg("%s", rows[i].rule);
        if (r == 0 && !bytes_view_equal(bytes_view(&binary), test_view(rows[i].binary)))
            fail_msg("%s", rows[i].rule);
    }
}

static void test_encoding(void **state)
{
    static const struct {
        const char *binary;
        size_t line;
        const char *text;
    } rows[] = {
        {"", 0, ""},
        {"", 4, ""},
        {"foobar", 0, "Zm9vYmFy"},
        {"foobar", 79, "Zm9vYmFy\n"},
        {"foobar", 5, "Zm9vY\nmFy\n"},
        {"foobar", 4, "Zm9v\nYmFy\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes text = {0};

        assert_int_equal(base64_encode(test_view(rows[i].binary), rows[i].line, &text), 0);
        if (!bytes_view_equal(bytes_view(&text), test_view(rows[i].text)))
            fail_msg("\"%s\" in lines of %zu", rows[i].binary, rows[i].line);
    }
}

static void test_hex(void **state)
{
    static const struct {
        const char *text;
        bool lower, any; /* which of the two accept it */
    } rows[] = {
        {"0aff", true, true},    {"0AFF", false, true},  {"0aFf", false, true},
        {"0af", false, false},   {"", false, false},     {"0aff00", false, false},
        {"0a ff", false, false}, {"0x0a", false, false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t bytes[2] = {0};

        assert_int_equal(hex_decode(test_view(rows[i].text), bytes, sizeof(bytes)), rows[i].any);
        assert_int_equal(hex_parse(rows[i].text, bytes, sizeof(bytes)), rows[i].lower);
        assert_int_equal(bytes[1], rows[i].any ? 0xff : 0);
    }
    assert_true(hex_parse("", (uint8_t[1]){0}, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_encoding),
        cmocka_unit_test(test_hex),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
