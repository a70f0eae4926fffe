/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/fleet/statement.c: each statement has one text, and no other text is a statement. */

#include "support.h"

#include "fleet/statement.h"

#include <inttypes.h>
#include <string.h>

#define ROOT   "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define INPUTS "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

static const char *const lines[] = {
    "nspawn-creds-fleet 1\n",
    "fleet prod\n",
    "sequence 42\n",
    "issued 2026-12-01T09:00:00Z\n",
    "not-after 2027-01-31T00:00:00Z\n",
    "hosts 10000\n",
    "root " ROOT "\n",
    "inputs " INPUTS "\n",
};

/* The statement with line INDEX replaced by LINE; in static memory. */
static const char *with(size_t index, const char *line)
{
    static char text[2 * STATEMENT_TEXT_BYTES];

    text[0] = '\0';
    for (size_t i = 0; i < COUNT(lines); i++)
        strcat(text, i == index ? line : lines[i]);
    return text;
}

static int parse(const char *text)
{
    Statement statement = {.sequence = 7};
    Reason reason = {0};
    int r = statement_parse(test_view(text), &reason, &statement);

    assert_true(r == 0 || (statement.sequence == 7 && reason.text[0]));
    return r;
}

static void test_the_example(void **state)
{
    const char *text = with(COUNT(lines), NULL);
    char again[STATEMENT_TEXT_BYTES];
    Statement statement;

    (void)state;
    assert_int_equal(statement_parse(test_view(text), NULL, &statement), 0);
    assert_string_equal(statement.fleet, "prod");
    assert_int_equal(statement.sequence, 42);
    assert_int_equal(statement.issued, UINT64_C(1796115600000000));
    assert_int_equal(statement.not_after, UINT64_C(1801353600000000));
    assert_int_equal(statement.hosts, 10000);
    assert_int_equal(statement.root.bytes[31], 0x1f);
    assert_int_equal(statement.inputs.bytes[0], 0xff);
    statement_format(&statement, again);
    assert_string_equal(again, text);
}

static void test_accepted(void **state)
{
    static const struct {
        size_t index;
        const char *line;
    } rows[] = {
        {1, "fleet a-name-of-32-characters-01234567\n"},
        {1, "fleet a\n"},
        {2, "sequence 1\n"},
        {2, "sequence 9007199254740991\n"},
        {3, "issued 1970-01-01T00:00:00Z\n"},
        {3, "issued 2024-02-29T23:59:59Z\n"},
        {4, "not-after 9999-12-31T23:59:59Z\n"},
        {4, "not-after 2026-12-01T09:00:01Z\n"},
        {5, "hosts 1\n"},
        {5, "hosts 1048576\n"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (parse(with(rows[i].index, rows[i].line)) != 0)
            fail_msg("%s", rows[i].line);
}

static void test_refused(void **state)
{
    static const struct {
        size_t index;
        const char *line;
    } rows[] = {
        {0, "nspawn-creds-fleet 2\n"},
        {0, "nspawn-creds-fleet 01\n"},
        {0, "nspawn-creds-fleet  1\n"},
        {0, "nspawn-creds-fleet 1\r\n"},
        {0, "\nnspawn-creds-fleet 1\n"},
        {0, ""},
        {1, "fleet \n"},
        {1, "fleet Prod\n"},
        {1, "fleet -prod\n"},
        {1, "fleet prod-\n"},
        {1, "fleet prod \n"},
        {1, "fleet  prod\n"},
        {1, "fleet a/b\n"},
        {1, "fleet \xc3\xa4\n"},
        {1, "fleet a-name-of-33-characters-012345678x\n"},
        {1, "sequence 42\n"},
        {2, "sequence 0\n"},
        {2, "sequence 042\n"},
        {2, "sequence +42\n"},
        {2, "sequence -42\n"},
        {2, "sequence 0x2a\n"},
        {2, "sequence 42.0\n"},
        {2, "sequence 4e1\n"},
        {2, "sequence \n"},
        {2, "sequence 9007199254740992\n"},
        {2, "sequence 18446744073709551658\n"},
        {3, "issued 2026-12-01T09:00:00\n"},
        {3, "issued 2026-12-01T09:00:00z\n"},
        {3, "issued 2026-12-01T09:00:00+00:00\n"},
        {3, "issued 2026-12-01 09:00:00Z\n"},
        {3, "issued 2026-12-1T09:00:00Z\n"},
        {3, "issued  2026-12-01T09:00:00Z\n"},
        {3, "issued 2026-12-01T09:00Z\n"},
        {3, "issued 2026-12-01T09:00:60Z\n"},
        {3, "issued 2026-12-01T24:00:00Z\n"},
        {3, "issued 2026-02-30T09:00:00Z\n"},
        {3, "issued 2025-02-29T09:00:00Z\n"},
        {3, "issued 1969-12-31T23:59:59Z\n"},
        {3, "issued 12026-12-01T09:00:00Z\n"},
        {4, "not-after 2026-12-01T09:00:00Z\n"},
        {4, "not-after 2026-11-30T09:00:00Z\n"},
        {4, "not-after \n"},
        {5, "hosts 0\n"},
        {5, "hosts 1048577\n"},
        {6, "root " ROOT "0\n"},
        {6, "root 000102030405060708090A0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"},
        {6, "root 0001\n"},
        {6, "root \n"},
        {7, "inputs " INPUTS},
        {7, "inputs " INPUTS " \n"},
        {7, "inputs " INPUTS "\n\n"},
        {7, "inputs " INPUTS "\nmore 1\n"},
        {7, "inputs " INPUTS "\ninputs " INPUTS "\n"},
        {7, ""},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (parse(with(rows[i].index, rows[i].line)) != OUTCOME_MALFORMED)
            fail_msg("accepted: %s", rows[i].line);
}

/* No text that differs in one bit, or is shorter, means the same. */
static void test_every_flip_and_truncation(void **state)
{
    const char *good = with(COUNT(lines), NULL);
    size_t size = strlen(good);
    char text[STATEMENT_TEXT_BYTES], again[STATEMENT_TEXT_BYTES];
    Statement statement;

    (void)state;
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(statement_parse((BytesView){(const uint8_t *)good, cut}, NULL, &statement),
                         OUTCOME_MALFORMED);
    for (size_t bit = 0; bit < size * 8; bit++) {
        BytesView view = {(const uint8_t *)text, size};

        strcpy(text, good);
        text[bit / 8] ^= (char)(1U << bit % 8);
        if (statement_parse(view, NULL, &statement) != 0)
            continue;
        statement_format(&statement, again);
        assert_true(bytes_view_equal(view, test_view(again)));
        assert_string_not_equal(again, good);
    }
}

static void test_size(void **state)
{
    _cleanup_(freep) uint8_t *text = malloc(2 * LIMIT_STATEMENT_BYTES);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', 2 * LIMIT_STATEMENT_BYTES);
    for (size_t size = LIMIT_STATEMENT_BYTES - 1; size <= 2 * LIMIT_STATEMENT_BYTES; size++)
        assert_int_equal(statement_parse((BytesView){text, size}, NULL, NULL), OUTCOME_MALFORMED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example), cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused),     cmocka_unit_test(test_every_flip_and_truncation),
        cmocka_unit_test(test_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
