/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/names.c. */

#include "support.h"

#include "base/names.h"

#include <string.h>

#define X10  "xxxxxxxxxx"
#define X60  X10 X10 X10 X10 X10 X10
#define X64  X60 "xxxx"
#define X250 X60 X60 X60 X60 X10

typedef struct Row {
    const char *text;
    bool valid;
    const char *rule;
} Row;

static void test_machine_names(void **state)
{
    static const Row rows[] = {
        {"web", true, "plain"},
        {"web-1.example_org", true, "all kinds of characters"},
        {"0", true, "one digit"},
        {X64, true, "the longest"},
        {"", false, "empty"},
        {X64 "x", false, "too long"},
        {"a@b", false, "the separator"},
        {"a/b", false, "a path"},
        {"..", false, "a folder"},
        {".a", false, "a dot in front"},
        {"a.", false, "a dot at the end"},
        {"a..b", false, "an empty label"},
        {"-a", false, "a dash in front"},
        {"a-", false, "a dash at the end"},
        {"a-.b", false, "a dash at a label's end"},
        {"a.-b", false, "a dash at a label's front"},
        {"a b", false, "a space"},
        {"a\\x2db", false, "an escaped unit name"},
        {"\xc3\xa4", false, "not ASCII"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (machine_name_valid(rows[i].text) != rows[i].valid)
            fail_msg("%s: \"%s\"", rows[i].rule, rows[i].text);
}

static void test_credential_ids(void **state)
{
    static const Row rows[] = {
        {"db-password", true, "plain"},
        {"passwd.hashed-password.root", true, "systemd's own, with dots"},
        {"a@b", true, "the separator may occur again"},
        {"...", true, "three dots are a name"},
        {X250, true, "the longest"},
        {"", false, "empty"},
        {X250 "x", false, "too long"},
        {".", false, "a folder"},
        {"..", false, "the folder above"},
        {"a/b", false, "a path"},
        {"a:b", false, "the separator of LoadCredential="},
        {"a\nb", false, "a control character"},
        {"a\x7f", false, "DEL"},
        {"\xc3\xa4", false, "not ASCII"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (credential_id_valid(rows[i].text) != rows[i].valid)
            fail_msg("%s: \"%s\"", rows[i].rule, rows[i].text);
    assert_true(sealed_name_valid("web@db-password"));
    assert_true(sealed_name_valid(X250 "xxxxx"));
    assert_false(sealed_name_valid(X250 "xxxxxx"));
}

static void test_pairs(void **state)
{
    static const struct {
        const char *text, *machine, *id; /* machine NULL: refused */
        const char *rule;
    } rows[] = {
        {"web@db-password", "web", "db-password", "plain"},
        {"a.b@c", "a.b", "c", "a dot is the machine's"},
        {"a@b.c", "a", "b.c", "a dot is the id's"},
        {"a@b@c", "a", "b@c", "the first @ separates"},
        {"a@" X10 X10 X10 X10 X10 "xxxxxxxxx", "a", X10 X10 X10 X10 X10 "xxxxxxxxx", "60 together"},
        {"a@" X60, NULL, NULL, "61 together"},
        {"web", NULL, NULL, "no separator"},
        {"@x", NULL, NULL, "no machine"},
        {"web@", NULL, NULL, "no id"},
        {"web@a/b", NULL, NULL, "a bad id"},
        {"we b@x", NULL, NULL, "a bad machine"},
        {X64 X64 "@x", NULL, NULL, "a machine longer than the buffer"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[CREDENTIAL_NAME_TEXT_BYTES];
        CredentialName name;
        Reason reason = {0};
        int r = credential_name_parse(rows[i].text, &reason, &name);

        if ((r == 0) != (rows[i].machine != NULL))
            fail_msg("%s: %s", rows[i].rule, rows[i].text);
        if (r != 0) {
            assert_int_equal(r, OUTCOME_INVALID_NAME);
            assert_true(reason.text[0] != '\0');
            continue;
        }
        assert_string_equal(name.machine, rows[i].machine);
        assert_string_equal(name.id, rows[i].id);
        credential_name_format(&name, text);
        assert_string_equal(text, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine_names),
        cmocka_unit_test(test_credential_ids),
        cmocka_unit_test(test_pairs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
