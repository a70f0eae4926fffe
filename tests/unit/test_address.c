/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/policy/address.c. */

#include "support.h"

#include "policy/address.h"

#include <string.h>

#define UNIT "systemd-nspawn@web.service"
#define X10  "xxxxxxxxxx"
#define X50  X10 X10 X10 X10 X10

/* A literal with its NULs, except the last. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static void test_right_ones(void **state)
{
    static const struct {
        BytesView path;
        const char *unit;
        const char *id;
    } rows[] = {
        {BYTES("\0"
               "a3f1/unit/" UNIT "/db-password"),
         UNIT, "db-password"},
        {BYTES("\0"
               "0/unit/" UNIT "/a"),
         UNIT, "a"},
        {BYTES("\0"
               "0123456789abcdef/unit/container@x.service/passwd.hashed-password.root"),
         "container@x.service", "passwd.hashed-password.root"},
        {BYTES("\0"
               "0123456789abcdef/unit/" X50 X10 ".service/" X10 "012345"),
         X50 X10 ".service", X10 "012345"},
        {BYTES("\0"
               "f/unit/a-b_c:d\\x2d.mount/@"),
         "a-b_c:d\\x2d.mount", "@"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        RequestAddress address;
        Reason reason = {0};

        if (address_parse(rows[i].path, &reason, &address) != 0)
            fail_msg("%s/%s: %s", rows[i].unit, rows[i].id, reason.text);
        assert_string_equal(address.unit, rows[i].unit);
        assert_string_equal(address.id, rows[i].id);
    }
}

static void test_wrong_ones(void **state)
{
    static const struct {
        BytesView path;
        const char *rule;
    } rows[] = {
        {{NULL, 0}, "no address"},
        {BYTES("\0"), "nothing but the NUL"},
        {BYTES("/run/x/unit/a.service/b"), "a path in the file system"},
        {BYTES("af/unit/a.service/b"), "no NUL in front"},
        {BYTES("\0/unit/a.service/b"), "no number"},
        {BYTES("\0"
               "AF/unit/a.service/b"),
         "upper case"},
        {BYTES("\0"
               "fg/unit/a.service/b"),
         "not hexadecimal"},
        {BYTES("\0"
               "01234567890abcdef/unit/a.service/b"),
         "17 digits"},
        {BYTES("\0"
               "f"),
         "a number only"},
        {BYTES("\0"
               "f/user/a.service/b"),
         "another keyword"},
        {BYTES("\0"
               "f/units/a.service/b"),
         "a longer keyword"},
        {BYTES("\0"
               "f/unit"),
         "cut after the keyword"},
        {BYTES("\0"
               "f/unit//b"),
         "no unit"},
        {BYTES("\0"
               "f/unit/a.service"),
         "cut after the unit"},
        {BYTES("\0"
               "f/unit/a/b"),
         "a unit without a suffix"},
        {BYTES("\0"
               "f/unit/a./b"),
         "a unit with an empty suffix"},
        {BYTES("\0"
               "f/unit/.service/b"),
         "a unit that is all suffix"},
        {BYTES("\0"
               "f/unit/a b.service/b"),
         "a space in the unit"},
        {BYTES("\0"
               "f/unit/a\0.service/b"),
         "a NUL in the unit"},
        {BYTES("\0"
               "f/unit/a\n.service/b"),
         "a newline in the unit"},
        {BYTES("\0"
               "f/unit/\xc3\xa4.service/b"),
         "a unit that is not ASCII"},
        {BYTES("\0"
               "f/unit/a.service/"),
         "no id"},
        {BYTES("\0"
               "f/unit/a.service/b/c"),
         "a slash in the id"},
        {BYTES("\0"
               "f/unit/a.service/b/"),
         "a slash after the id"},
        {BYTES("\0"
               "f/unit/a.service/b:c"),
         "a colon in the id"},
        {BYTES("\0"
               "f/unit/a.service/.."),
         "the folder above"},
        {BYTES("\0"
               "f/unit/a.service/b\0"),
         "a NUL after the id"},
        {BYTES("\0"
               "f/unit/a.service/b\0c"),
         "a NUL in the id"},
        {BYTES("\0"
               "f/unit/a.service/b\n"),
         "a newline in the id"},
        {BYTES("\0"
               "f/unit/a.service/" X50 X50),
         "longer than an address"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        RequestAddress address;
        Reason reason = {0};

        if (address_parse(rows[i].path, &reason, &address) != OUTCOME_INVALID_ADDRESS)
            fail_msg("accepted: %s", rows[i].rule);
        for (const char *c = reason.text; *c; c++)
            if (*c == '\n' || *c == '\x7f')
                fail_msg("%s: the reason is not printable", rows[i].rule);
        assert_true(reason.text[0] != '\0');
    }
}

static void test_every_truncation(void **state)
{
    static const BytesView path = BYTES("\0"
                                        "a3f1/unit/" UNIT "/x");
    RequestAddress address;

    (void)state;
    assert_int_equal(address_parse(path, NULL, &address), 0);
    for (size_t size = 0; size < path.size; size++)
        assert_int_equal(address_parse((BytesView){path.data, size}, NULL, &address),
                         OUTCOME_INVALID_ADDRESS);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_ones),
        cmocka_unit_test(test_wrong_ones),
        cmocka_unit_test(test_every_truncation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
