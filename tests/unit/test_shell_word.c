/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/shell_word.c. */

#include "support.h"

#include "base/shell_word.h"

#include <string.h>

static void test_words(void **state)
{
    static const struct {
        const char *text, *word, *argument;
    } rows[] = {
        {"db-password", "db-password", "db-password"},
        {"/etc/a.b", "/etc/a.b", "/etc/a.b"},
        {"", "''", "''"},
        {"x y", "'x y'", "'x y'"},
        {";reboot", "';reboot'", "';reboot'"},
        {"$(id)", "'$(id)'", "'$(id)'"},
        {"~root", "'~root'", "'~root'"},
        {"it's", "'it'\\''s'", "'it'\\''s'"},
        {"-h", "-h", "-- -h"},
        {"-`id`", "'-`id`'", "-- '-`id`'"},
    };
    char endless[2 * sizeof(ShellWord)];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(shell_word(rows[i].text).text, rows[i].word);
        assert_string_equal(shell_argument(rows[i].text).text, rows[i].argument);
    }
    memset(endless, '\'', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_in_range(strlen(shell_argument(endless).text), 1, sizeof(ShellWord) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
