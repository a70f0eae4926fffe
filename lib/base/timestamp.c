/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/timestamp.h"

#include "base/context.h"
#include "base/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define AGO        " ago"
#define UTC_FORMAT "%Y-%m-%dT%H:%M:%SZ"

static bool to_usec(time_t seconds, uint64_t *ret)
{
    return seconds >= 0 && !__builtin_mul_overflow((uint64_t)seconds, USEC_PER_SEC, ret);
}

/* Parses "+90d", "-1h 30min" or "5 minutes ago", and moves NOW by it. */
static bool parse_relative(const char *text, uint64_t now, uint64_t *ret)
{
    static const struct {
        const char *unit;
        uint64_t seconds;
    } units[] = {{"s", 1},         {"sec", 1},      {"second", 1},   {"seconds", 1},
                 {"m", 60},        {"min", 60},     {"minute", 60},  {"minutes", 60},
                 {"h", 3600},      {"hour", 3600},  {"hours", 3600}, {"d", 86400},
                 {"day", 86400},   {"days", 86400}, {"w", 604800},   {"week", 604800},
                 {"weeks", 604800}};
    bool ago = has_suffix(text, AGO), back = ago || *text == '-';
    const char *stop = text + strlen(text) - (ago ? strlen(AGO) : 0);
    uint64_t span = 0;

    for (text += !ago; text < stop;) {
        unsigned long long number;
        uint64_t seconds = 0, part;
        size_t length;
        char *end;

        if (*text < '0' || *text > '9')
            return false;
        errno = 0;
        number = strtoull(text, &end, 10);
        end += strspn(end, " ");
        length = strcspn(end, " 0123456789");
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
            if (strlen(units[i].unit) == length && strncmp(units[i].unit, end, length) == 0)
                seconds = units[i].seconds;
        if (errno != 0 || seconds == 0 ||
            __builtin_mul_overflow(number, seconds * USEC_PER_SEC, &part) ||
            __builtin_add_overflow(span, part, &span))
            return false;
        text = end + length;
        text += strspn(text, " ");
    }
    return back ? !__builtin_sub_overflow(now, span, ret) : !__builtin_add_overflow(now, span, ret);
}

static bool parse_seconds(const char *text, uint64_t *ret)
{
    char *end;
    long long seconds;

    errno = 0;
    seconds = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && to_usec((time_t)seconds, ret);
}

/* The start of the day DAYS after today, in local time. */
static bool parse_day(uint64_t now, int days, uint64_t *ret)
{
    time_t seconds = (time_t)(now / USEC_PER_SEC);
    struct tm day;

    if (!localtime_r(&seconds, &day))
        return false;
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    day.tm_mday += days;
    day.tm_isdst = -1;
    return to_usec(mktime(&day), ret);
}

/* A point in time; without a date, it is today's. */
static bool parse_calendar(const char *text, uint64_t now, uint64_t *ret)
{
    static const char *const formats[] = {
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
        "%Y-%m-%d",          "%H:%M:%S",          "%H:%M"};
    bool utc = has_suffix(text, " UTC") || has_suffix(text, "Z");
    time_t seconds = (time_t)(now / USEC_PER_SEC);

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        struct tm point, checked;
        const char *rest;

        if (!(utc ? gmtime_r : localtime_r)(&seconds, &point))
            return false;
        point.tm_hour = point.tm_min = point.tm_sec = 0;
        point.tm_isdst = -1;
        rest = strptime(text, formats[i], &point);
        if (!rest || (*rest != '\0' && strcmp(rest, " UTC") != 0 && strcmp(rest, "Z") != 0))
            continue;
        checked = point;
        seconds = utc ? timegm(&checked) : mktime(&checked);
        /* Rejects February 30 and other dates that mktime() would normalise. */
        return checked.tm_mday == point.tm_mday && checked.tm_mon == point.tm_mon &&
               to_usec(seconds, ret);
    }
    return false;
}

static bool parse(const char *text, uint64_t now, uint64_t *ret)
{
    if (strcmp(text, "infinity") == 0) {
        *ret = USEC_INFINITY;
        return true;
    }
    if (strcmp(text, "now") == 0) {
        *ret = now;
        return true;
    }
    if (strcmp(text, "today") == 0)
        return parse_day(now, 0, ret);
    if (strcmp(text, "tomorrow") == 0)
        return parse_day(now, 1, ret);
    if (strcmp(text, "yesterday") == 0)
        return parse_day(now, -1, ret);
    if (*text == '@')
        return parse_seconds(text + 1, ret);
    if (((*text == '+' || *text == '-') && text[1] != '\0') || has_suffix(text, AGO))
        return parse_relative(text, now, ret);
    return parse_calendar(text, now, ret);
}

int timestamp_parse(const char *text, uint64_t now, Reason *reason, uint64_t *ret)
{
    uint64_t time;

    if (!parse(text, now, &time))
        return reason_set(reason, OUTCOME_USAGE,
                          "\"%.40s\" is not a time: 2027-01-31, \"2027-01-31 12:00 UTC\", +90d, "
                          "\"1h ago\", @1800000000 or infinity",
                          text);
    *ret = time;
    return 0;
}

void timestamp_format(uint64_t usec, char text[TIMESTAMP_TEXT_BYTES])
{
    time_t seconds = (time_t)(usec / 1000000);
    struct tm local;

    if (!localtime_r(&seconds, &local) ||
        strftime(text, TIMESTAMP_TEXT_BYTES, "%Y-%m-%d %H:%M", &local) == 0)
        text[0] = '\0';
}

void timestamp_format_length(uint64_t usec, char text[TIMESTAMP_LENGTH_BYTES])
{
    uint64_t seconds = usec / 1000000, minutes = seconds / 60, hours = minutes / 60;

    if (minutes < 1)
        snprintf(text, TIMESTAMP_LENGTH_BYTES, "%" PRIu64 " s", seconds);
    else if (hours < 1)
        snprintf(text, TIMESTAMP_LENGTH_BYTES, "%" PRIu64 " min", minutes);
    else if (hours < 24)
        snprintf(text, TIMESTAMP_LENGTH_BYTES, "%" PRIu64 " h %" PRIu64 " min", hours,
                 minutes % 60);
    else
        snprintf(text, TIMESTAMP_LENGTH_BYTES, "%" PRIu64 " d %" PRIu64 " h", hours / 24,
                 hours % 24);
}

void timestamp_format_utc(uint64_t usec, char text[TIMESTAMP_UTC_BYTES])
{
    time_t seconds = (time_t)(usec / USEC_PER_SEC);
    struct tm point;

    if (!gmtime_r(&seconds, &point) || strftime(text, TIMESTAMP_UTC_BYTES, UTC_FORMAT, &point) == 0)
        text[0] = '\0';
}

bool timestamp_parse_utc(const char *text, uint64_t *ret)
{
    char again[TIMESTAMP_UTC_BYTES];
    struct tm point = {0};
    uint64_t usec;

    if (!strptime(text, UTC_FORMAT, &point) || !to_usec(timegm(&point), &usec))
        return false;
    /* Rejects February 30, blanks and other texts that strptime() or timegm() would normalise. */
    timestamp_format_utc(usec, again);
    if (strcmp(text, again) != 0)
        return false;
    *ret = usec;
    return true;
}
