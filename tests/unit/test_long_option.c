/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/long_option.c. */

#include "support.h"

#include "base/long_option.h"

#include <string.h>

typedef struct Row {
    const char *rule;
    const char *words[3];
    int expected;         /* what the first call returns */
    const char *argument; /* of that; NULL: none; or of '?' what the reason begins with */
} Row;

static const struct option table[] = {
    {"allow-null", no_argument, NULL, 'n'},
    {"name", required_argument, NULL, 'a'},
    {"store", optional_argument, NULL, 's'},
    {0},
};

static const Row rows[] = {
    {"a whole name is taken", {"--allow-null"}, 'n', NULL},
    {"a beginning is not",
     {"--allow"},
     '?',
     "unknown option '--allow'; did you mean '--allow-null'?"},
    {"a beginning of one letter is not", {"--a"}, '?', "unknown option '--a'; did you mean"},
    {"an argument after =", {"--name=x"}, 'a', "x"},
    {"an empty argument after =", {"--name="}, 'a', ""},
    {"an argument with = in it", {"--name=x=y"}, 'a', "x=y"},
    {"an argument of its own", {"--name", "x"}, 'a', "x"},
    {"an argument of its own that looks like an option", {"--name", "--store"}, 'a', "--store"},
    {"a beginning with an argument after =", {"--nam=x"}, '?', "unknown option '--nam';"},
    {"a beginning with an argument of its own", {"--nam", "x"}, '?', "unknown option '--nam';"},
    {"an optional argument", {"--store=x"}, 's', "x"},
    {"no optional argument", {"--store"}, 's', NULL},
    {"a beginning of an optional one", {"--sto"}, '?', "unknown option '--sto';"},
    {"an option behind an argument", {"web", "--allow-null"}, 'n', NULL},
    {"a beginning behind an argument", {"web", "--allow"}, '?', "unknown option '--allow';"},
    {"no such option", {"--other"}, '?', "unknown option '--other'; see "},
    {"one that is similar", {"--nane=x"}, '?', "unknown option '--nane'; did you mean '--name'?"},
    {"no argument", {"--name"}, '?', "option '--name' needs a value"},
    {"an argument of one that takes none", {"--allow-null=x"}, '?', "option '--allow-null' takes"},
    {"no such short option", {"-x"}, '?', "unknown option '-x'; see "},
    {"a short option", {"-h"}, 'h', NULL},
    {"its argument", {"-v5"}, 'v', "5"},
    {"an argument of its own of a short option", {"-v", "5"}, 'v', "5"},
    {"no argument of a short option", {"-v"}, '?', "option '-v' needs a value"},
    {"no option", {"web"}, -1, NULL},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *arguments[5] = {(char *)"program"};
        Reason reason = {0};
        int count = 1, c;

        while (count < 4 && rows[i].words[count - 1]) {
            arguments[count] = (char *)rows[i].words[count - 1];
            count++;
        }
        optind = 0; /* start again, and reset glibc's own state */
        c = long_option_next(count, arguments, "hv:", table, &reason);
        if (c != rows[i].expected)
            fail_msg("%s: %d", rows[i].rule, c);
        if (c == '?' && strncmp(reason.text, rows[i].argument, strlen(rows[i].argument)) != 0)
            fail_msg("%s: %s", rows[i].rule, reason.text);
        else if (c == '?')
            continue;
        if (rows[i].argument)
            assert_string_equal(optarg, rows[i].argument);
        else
            assert_null(optarg);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
