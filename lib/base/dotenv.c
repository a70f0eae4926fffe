/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/dotenv.h"

#include <string.h>

static int malformed(size_t line, Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_USAGE, "line %zu: %s", line, what);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(Dotenv *dotenv)
{
    while (dotenv->at < dotenv->end && is_blank(*dotenv->at))
        dotenv->at++;
}

static void skip_comment(Dotenv *dotenv)
{
    if (dotenv->at < dotenv->end && *dotenv->at == '#')
        while (dotenv->at < dotenv->end && *dotenv->at != '\n')
            dotenv->at++;
}

/* Skips the end of a line, or of the text. False if there is something else. */
static bool skip_line_end(Dotenv *dotenv)
{
    uint8_t *at = dotenv->at;

    if (at < dotenv->end && *at == '\r')
        at++;
    if (at < dotenv->end && *at != '\n')
        return false;
    if (at < dotenv->end) {
        at++;
        dotenv->line++;
    }
    dotenv->at = at;
    return true;
}

static bool in_name(uint8_t c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static int read_name(Dotenv *dotenv, Reason *reason, const char **ret)
{
    static const char export[] = "export ";
    uint8_t *start;

    if ((size_t)(dotenv->end - dotenv->at) >= strlen(export) &&
        memcmp(dotenv->at, export, strlen(export)) == 0) {
        dotenv->at += strlen(export);
        skip_blanks(dotenv);
    }
    start = dotenv->at;
    while (dotenv->at < dotenv->end && in_name(*dotenv->at, dotenv->at == start))
        dotenv->at++;
    if (dotenv->at == start || dotenv->at == dotenv->end || *dotenv->at != '=')
        return malformed(dotenv->line, reason, "this is not NAME=VALUE");
    *dotenv->at++ = '\0';
    *ret = (const char *)start;
    return 0;
}

/* What a backslash and C stand for; 0 for nothing that all programs agree on. */
static uint8_t unescape(uint8_t c)
{
    static const char from[] = "nrt\"\\$`", to[] = "\n\r\t\"\\$`";
    const char *found = c ? strchr(from, c) : NULL;

    return found ? (uint8_t)to[found - from] : 0;
}

static int read_quoted(Dotenv *dotenv, Reason *reason, BytesView *ret)
{
    size_t line = dotenv->line;
    uint8_t quote = *dotenv->at++, *start = dotenv->at, *out = start;

    for (; dotenv->at < dotenv->end && *dotenv->at != quote; dotenv->at++) {
        uint8_t c = *dotenv->at;

        if (c == '\n')
            dotenv->line++;
        if (quote == '"' && (c == '$' || c == '`'))
            return malformed(dotenv->line, reason,
                             "programs disagree about $ and ` in double quotes; use single quotes");
        if (quote == '"' && c == '\\')
            c = ++dotenv->at < dotenv->end ? unescape(*dotenv->at) : 0;
        if (c == '\0')
            return malformed(dotenv->line, reason, "NUL or unknown escape in the value");
        *out++ = c;
    }
    if (dotenv->at == dotenv->end)
        return malformed(line, reason, "the quotation mark is not closed");
    dotenv->at++;
    *ret = (BytesView){start, (size_t)(out - start)};
    if (dotenv->at < dotenv->end && is_blank(*dotenv->at)) {
        skip_blanks(dotenv);
        skip_comment(dotenv);
    }
    return 0;
}

static void read_bare(Dotenv *dotenv, BytesView *ret)
{
    uint8_t *start = dotenv->at;

    while (dotenv->at<dotenv->end && * dotenv->at> ' ' && *dotenv->at != 0x7f &&
           !strchr("#'\"\\$`", *dotenv->at))
        dotenv->at++;
    *ret = (BytesView){start, (size_t)(dotenv->at - start)};
}

int dotenv_next(Dotenv *dotenv, Reason *reason, DotenvEntry *ret)
{
    DotenvEntry entry = {0};
    int r;

    do {
        skip_blanks(dotenv);
        skip_comment(dotenv);
    } while (dotenv->at < dotenv->end && skip_line_end(dotenv));
    if (dotenv->at == dotenv->end) {
        *ret = entry;
        return 0;
    }
    entry.line = dotenv->line;
    r = read_name(dotenv, reason, &entry.name);
    if (r != 0)
        return r;
    if (dotenv->at < dotenv->end && (*dotenv->at == '"' || *dotenv->at == '\'')) {
        r = read_quoted(dotenv, reason, &entry.value);
        if (r != 0)
            return r;
    } else
        read_bare(dotenv, &entry.value);
    if (!skip_line_end(dotenv))
        return malformed(dotenv->line, reason,
                         "programs disagree about this value; put all of it in single quotes");
    *ret = entry;
    return 0;
}
