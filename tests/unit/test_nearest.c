/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/nearest.c. */

#include "support.h"

#include "base/nearest.h"

#include <string.h>

#define LONG_NAME "a123456789b123456789c123456789d123456789e123456789f123456789g123456789h12345678"

typedef struct Row {
    const char *rule;
    const char *wanted;
    const char *candidates[3];
    const char *expected; /* "" for none */
} Row;

static const Row rows[] = {
    {"a missing character", "lst", {"set", "list"}, "list"},
    {"an additional one", "shoow", {"show", "log"}, "show"},
    {"a wrong one", "remove", {"rename", "removf"}, "removf"},
    {"two that changed places", "revael", {"reveal"}, "reveal"},
    {"two of three are too many", "xyt", {"set"}, ""},
    {"a third of a long one",
     "databsepaswd",
     {"database-password", "databasepasswd"},
     "databasepasswd"},
    {"nothing alike", "frobnicate", {"list", "set", "log"}, ""},
    {"the first of two that are as near", "lig", {"log", "lag"}, "log"},
    {"the nearer one that comes later", "lisst", {"last", "list"}, "list"},
    {"one character is another one", "a", {"b"}, ""},
    {"one of two", "sl", {"ls"}, "ls"},
    {"nothing typed", "", {"ls"}, ""},
    {"no candidates", "list", {NULL}, ""},
    {"the longest", LONG_NAME "x", {LONG_NAME}, ""},
    {"the longest that is compared", LONG_NAME, {LONG_NAME}, LONG_NAME},
    {"a longer candidate", LONG_NAME, {LONG_NAME "x"}, ""},
    {"the same", "list", {"lists", "list"}, "list"},
};

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Nearest nearest = {.wanted = rows[i].wanted};

        for (size_t j = 0; j < COUNT(rows[i].candidates) && rows[i].candidates[j]; j++)
            nearest_offer(&nearest, rows[i].candidates[j]);
        if (strcmp(nearest.name, rows[i].expected) != 0)
            fail_msg("%s: \"%s\"", rows[i].rule, nearest.name);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
