/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/long_option.c. */

#include "support.h"

#include "base/long_option.h"

#include <string.h>

typedef struct Row {
    const char *rule;
    const char *words[3];
    int expected;         /* what the first call returns */
    const char *argument; /* of that; NULL: none */
} Row;

static const struct option table[] = {
    {"allow-null", no_argument, NULL, 'n'},
    {"name", required_argument, NULL, 'a'},
    {"store", optional_argument, NULL, 's'},
    {0},
};

static const Row rows[] = {
    {"a whole name is taken", {"--allow-null"}, 'n', NULL},
    {"a beginning is not", {"--allow"}, '?', NULL},
    {"a beginning of one letter is not", {"--a"}, '?', NULL},
    {"an argument after =", {"--name=x"}, 'a', "x"},
    {"an empty argument after =", {"--name="}, 'a', ""},
    {"an argument with = in it", {"--name=x=y"}, 'a', "x=y"},
    {"an argument of its own", {"--name", "x"}, 'a', "x"},
    {"an argument of its own that looks like an option", {"--name", "--store"}, 'a', "--store"},
    {"a beginning with an argument after =", {"--nam=x"}, '?', NULL},
    {"a beginning with an argument of its own", {"--nam", "x"}, '?', NULL},
    {"an optional argument", {"--store=x"}, 's', "x"},
    {"no optional argument", {"--store"}, 's', NULL},
    {"a beginning of an optional one", {"--sto"}, '?', NULL},
    {"an option behind an argument", {"web", "--allow-null"}, 'n', NULL},
    {"a beginning behind an argument", {"web", "--allow"}, '?', NULL},
    {"no such option", {"--other"}, '?', NULL},
    {"a short option", {"-h"}, 'h', NULL},
    {"no option", {"web"}, -1, NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *arguments[5] = {(char *)"program"};
        int count = 1, c;

        while (count < 4 && rows[i].words[count - 1]) {
            arguments[count] = (char *)rows[i].words[count - 1];
            count++;
        }
        optind = 0; /* start again, and reset glibc's own state */
        c = long_option_next(count, arguments, "h", table);
        if (c != rows[i].expected)
            fail_msg("%s: %d", rows[i].rule, c);
        if (rows[i].argument)
            assert_string_equal(optarg, rows[i].argument);
        else if (c != '?')
            assert_null(optarg);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
