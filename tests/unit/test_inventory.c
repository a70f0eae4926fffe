/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of cli/fleet/inventory_compare.c: what an administrator reads about each difference. */

#include "support.h"

#include "base/array.h"
#include "fleet/inventory.h"

static const struct {
    const char *before, *after;
    const char *said; /* lines; "" if nothing is */
} rows[] = {
    {"", "", ""},
    {"host a 1\nkey a k\n", "key a k\nhost a 1\n", ""},
    /* a host: its key says that it is new, and the host that it is gone */
    {"", "host a 1\nkey a k l\n", "host a: added, with the key k l\n"},
    {"host a 1\nkey a k\n", "", "host a: removed\n"},
    {"host a 1\nkey a k\n", "host a 2\nkey a k\n",
     "host a: another identity (key, PCR values or names)\n"},
    {"key a k\n", "key a l m\n", "host a: ANOTHER KEY, l m instead of k\n"},
    {"", "proof a ek 1\n", "host a: proved by ek 1\n"},
    {"proof a ek 1\n", "proof a list 1\n", "host a: proved by list 1\n"},
    {"proof a ek 1\n", "", "host a: NO LONGER PROVED\n"},
    /* the repository */
    {"", "rule requireProof\n", "hosts have to be proved (requireProof)\n"},
    {"rule requireProof\n", "", "hosts need NO PROOF any more (requireProof)\n"},
    {"recipient age1 x\n", "recipient age1 y\n",
     "recipient age1 x: removed\nrecipient age1 y: added\n"},
    /* a secret: its settings say that it is new, and its master that it is gone */
    {"", "secret s 1\nsettings s web@s\n", "secret s: added, as web@s\n"},
    {"secret s 1\nsettings s web@s\n", "", "secret s: removed\n"},
    {"secret s 1\n", "secret s 2\n", "secret s: another value, or encrypted again\n"},
    {"settings s web@s\n", "settings s web@s pcrs=7\n",
     "secret s: as web@s pcrs=7 instead of web@s\n"},
    /* who gets a secret: one sentence for each secret and direction */
    {"host a 1\nhost b 1\nmatch s a\n", "host a 1\nhost b 1\nmatch s a\nmatch s b\n",
     "secret s: now also for b\n"},
    {"host a 1\nhost b 1\nhost c 1\n", "host a 1\nhost b 1\nhost c 1\nmatch s a\nmatch s b\n",
     "secret s: now for a b\n"},
    {"host a 1\nhost b 1\n", "host a 1\nhost b 1\nmatch s a\nmatch s b\n",
     "secret s: now for all 2 hosts\n"},
    {"host a 1\nmatch s a\nmatch t a\n", "host a 1\n",
     "secret s: no longer for a\nsecret t: no longer for a\n"},
    /* names of which one begins like the other */
    {"host a 1\nhost a-b 1\n", "host a 1\nhost a-b 2\n",
     "host a-b: another identity (key, PCR values or names)\n"},
    {"host a 1\nhost ab 1\n", "host ab 1\n", "host a: removed\n"},
    /* a file of another version, or damaged */
    {"", "new a b\nnew\nmatch s\n\n", ""},
};

static void test_differences(void **)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(inventory_done) Inventory before = {0}, after = {0};
        _cleanup_(writer_done) Writer said = {0};
        char **lines = NULL;
        size_t count = 0;

        assert_int_equal(inventory_parse(strdup(rows[i].before), &before), 0);
        assert_int_equal(inventory_parse(strdup(rows[i].after), &after), 0);
        assert_int_equal(inventory_compare(&before, &after, &lines, &count), 0);
        for (size_t line = 0; line < count; line++)
            writer_format(&said, "%s\n", lines[line]);
        writer_bytes(&said, (BytesView){(const uint8_t *)"", 1});
        assert_string_equal((const char *)said.bytes.data, rows[i].said);
        strings_free(lines);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
