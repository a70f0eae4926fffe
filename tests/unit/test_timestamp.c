/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/timestamp.c. */

#include "support.h"

#include "base/timestamp.h"

#include <stdlib.h>

#define SECOND UINT64_C(1000000)
#define DAY    (86400 * SECOND)
/* a time of day, so that the beginning of the day differs from now */
#define NOW    (TEST_NOW + 3600 * SECOND)

static void test_times(void **state)
{
    static const struct {
        const char *text;
        uint64_t time; /* 0: refused */
    } rows[] = {
        {"@1800000000", 1800000000 * SECOND},
        {"2027-01-31", 1801353600 * SECOND},
        {"2027-01-31 12:30", (1801353600 + 45000) * SECOND},
        {"2027-01-31 12:30:15", (1801353600 + 45015) * SECOND},
        {"2027-01-31T12:30:15Z", (1801353600 + 45015) * SECOND},
        {"2027-01-31 12:30 UTC", (1801353600 + 45000) * SECOND},
        {"now", NOW},
        {"today", TEST_NOW},
        {"tomorrow", TEST_NOW + DAY},
        {"yesterday", TEST_NOW - DAY},
        {"23:59", TEST_NOW + DAY - 60 * SECOND},
        {"00:00:01 UTC", TEST_NOW + SECOND},
        {"5 minutes ago", NOW - 300 * SECOND},
        {"1h 30min ago", NOW - 5400 * SECOND},
        {"+90d", NOW + 90 * DAY},
        {"+1h", NOW + 3600 * SECOND},
        {"-1h 30min", NOW - 5400 * SECOND},
        {"+1w2d", NOW + 9 * DAY},
        {"infinity", USEC_INFINITY},
        {"", 0},
        {"soon", 0},
        {"+", 0},
        {"+90", 0},
        {"+d", 0},
        {"+90x", 0},
        {"24:60", 0},
        {"ago", 0},
        {" ago", 0},
        {"5 ago", 0},
        {"-5min ago", 0},
        {"+99999999999999999999d", 0},
        {"+9999999999999d", 0},
        {"-99999d", 0},
        {"@", 0},
        {"@12x", 0},
        {"@99999999999999", 0},
        {"2027-02-30", 0},
        {"2027-13-01", 0},
        {"2027-01-31x", 0},
        {"2027-01-31 25:00", 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t time = 0;
        Reason reason = {0};
        int r = timestamp_parse(rows[i].text, NOW, &reason, &time);

        if (r != (rows[i].time ? 0 : OUTCOME_USAGE) || time != rows[i].time)
            fail_msg("\"%s\": %d, %llu", rows[i].text, r, (unsigned long long)time);
        assert_int_equal(reason.text[0] != '\0', r != 0);
    }
}

static void test_words(void **state)
{
    static const struct {
        uint64_t seconds;
        const char *text;
    } rows[] = {
        {0, "0 s"},
        {59, "59 s"},
        {60, "1 min"},
        {3599, "59 min"},
        {3600, "1 h 0 min"},
        {86399, "23 h 59 min"},
        {86400, "1 d 0 h"},
        {90 * 86400, "90 d 0 h"},
        {UINT64_MAX / SECOND, "213503982 d 8 h"},
    };
    char text[TIMESTAMP_LENGTH_BYTES], time[TIMESTAMP_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        timestamp_format_length(rows[i].seconds * SECOND, text);
        assert_string_equal(text, rows[i].text);
    }
    timestamp_format((1801353600 + 45015) * SECOND, time);
    assert_string_equal(time, "2027-01-31 12:30");
}

static void test_utc(void **state)
{
    static const struct {
        const char *text;
        uint64_t seconds; /* 0: refused */
    } rows[] = {
        {"1970-01-01T00:00:01Z", 1},
        {"2027-01-31T00:00:00Z", 1801353600},
        {"9999-12-31T23:59:59Z", UINT64_C(253402300799)},
        {"2027-01-31T00:00:00", 0},
        {"2027-01-31T00:00:00Z ", 0},
        {" 2027-01-31T00:00:00Z", 0},
        {"2027-1-31T00:00:00Z", 0},
        {"2027-02-30T00:00:00Z", 0},
        {"2027-01-31T00:00:60Z", 0},
        {"10000-01-01T00:00:00Z", 0},
        {"1969-12-31T23:59:59Z", 0},
    };
    char text[TIMESTAMP_UTC_BYTES];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t usec = 0;

        assert_int_equal(timestamp_parse_utc(rows[i].text, &usec), rows[i].seconds > 0);
        assert_int_equal(usec, rows[i].seconds * SECOND);
        timestamp_format_utc(usec + SECOND - 1, text);
        assert_true(usec == 0 || strcmp(text, rows[i].text) == 0);
    }
    timestamp_format_utc(UINT64_MAX, text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times), cmocka_unit_test(test_words),
                                       cmocka_unit_test(test_utc)};

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
