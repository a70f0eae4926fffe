/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/value_file.h"

#include <string.h>
#include <strings.h>

static int malformed(size_t line, Reason *reason, const char *what)
{
    return reason_set(reason, OUTCOME_USAGE, "line %zu: %s", line, what);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(ValueFile *file)
{
    while (file->at < file->end && is_blank(*file->at))
        file->at++;
}

static void skip_comment(ValueFile *file)
{
    if (file->at < file->end && *file->at == '#')
        while (file->at < file->end && *file->at != '\n')
            file->at++;
}

/* Skips the end of a line, or of the text. False if there is something else. */
static bool skip_line_end(ValueFile *file)
{
    uint8_t *at = file->at;

    if (at < file->end && *at == '\r')
        at++;
    if (at < file->end && *at != '\n')
        return false;
    if (at < file->end) {
        at++;
        file->line++;
    }
    file->at = at;
    return true;
}

/* --- dotenv --- */

static bool in_name(uint8_t c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static int read_name(ValueFile *file, Reason *reason, const char **ret)
{
    static const char export[] = "export ";
    uint8_t *start;

    if ((size_t)(file->end - file->at) >= strlen(export) &&
        memcmp(file->at, export, strlen(export)) == 0) {
        file->at += strlen(export);
        skip_blanks(file);
    }
    start = file->at;
    while (file->at < file->end && in_name(*file->at, file->at == start))
        file->at++;
    if (file->at == start || file->at == file->end || *file->at != '=')
        return malformed(file->line, reason, "this is not NAME=VALUE");
    *file->at++ = '\0';
    *ret = (const char *)start;
    return 0;
}

/* The character that a backslash and C stand for; 0 if programs disagree about it. */
static uint8_t unescape(uint8_t c)
{
    static const char from[] = "nrt\"\\$`", to[] = "\n\r\t\"\\$`";
    const char *found = c ? strchr(from, c) : NULL;

    return found ? (uint8_t)to[found - from] : 0;
}

static int read_quoted(ValueFile *file, Reason *reason, BytesView *ret)
{
    size_t line = file->line;
    uint8_t quote = *file->at++, *start = file->at, *out = start;

    for (; file->at < file->end && *file->at != quote; file->at++) {
        uint8_t c = *file->at;

        if (c == '\n')
            file->line++;
        if (quote == '"' && (c == '$' || c == '`'))
            return malformed(file->line, reason,
                             "programs disagree about $ and ` in double quotes; use single quotes");
        if (quote == '"' && c == '\\')
            c = ++file->at < file->end ? unescape(*file->at) : 0;
        if (c == '\0')
            return malformed(file->line, reason, "NUL or unknown escape in the value");
        *out++ = c;
    }
    if (file->at == file->end)
        return malformed(line, reason, "the quotation mark is not closed");
    file->at++;
    *ret = (BytesView){start, (size_t)(out - start)};
    if (file->at < file->end && is_blank(*file->at)) {
        skip_blanks(file);
        skip_comment(file);
    }
    return 0;
}

static void read_bare(ValueFile *file, BytesView *ret)
{
    uint8_t *start = file->at;

    while (file->at<file->end && * file->at> ' ' && *file->at != 0x7f &&
           !strchr("#'\"\\$`", *file->at))
        file->at++;
    *ret = (BytesView){start, (size_t)(file->at - start)};
}

int value_file_next_dotenv(ValueFile *file, Reason *reason, ValueEntry *ret)
{
    ValueEntry entry = {0};
    int r;

    do {
        skip_blanks(file);
        skip_comment(file);
    } while (file->at < file->end && skip_line_end(file));
    if (file->at == file->end) {
        *ret = entry;
        return 0;
    }
    entry.line = file->line;
    r = read_name(file, reason, &entry.name);
    if (r != 0)
        return r;
    if (file->at < file->end && (*file->at == '"' || *file->at == '\'')) {
        r = read_quoted(file, reason, &entry.value);
        if (r != 0)
            return r;
    } else
        read_bare(file, &entry.value);
    if (!skip_line_end(file))
        return malformed(file->line, reason,
                         "programs disagree about this value; put all of it in single quotes");
    *ret = entry;
    return 0;
}

/* --- JSON --- */

/* 0 at the end, where a NUL in the text ends everything as well. */
static uint8_t peek(const ValueFile *file)
{
    return file->at < file->end ? *file->at : 0;
}

static void skip_space(ValueFile *file)
{
    for (; is_blank(peek(file)) || peek(file) == '\r' || peek(file) == '\n'; file->at++)
        file->line += *file->at == '\n';
}

/* Four hexadecimal digits; false if they are none. */
static bool read_unit(ValueFile *file, uint32_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t unit = 0;

    for (int i = 0; i < 4; i++) {
        const char *digit = peek(file) ? strchr(digits, *file->at | 0x20) : NULL;

        if (!digit)
            return false;
        unit = unit << 4 | (uint32_t)(digit - digits);
        file->at++;
    }
    *ret = unit;
    return true;
}

/* Reads the digits after "\\u": a character, or the two halves of one. False for anything else, and
 * for NUL. */
static bool read_character(ValueFile *file, uint32_t *ret)
{
    uint32_t high, low;

    if (!read_unit(file, &high) || high == 0 || (high >= 0xdc00 && high < 0xe000))
        return false;
    if (high >= 0xd800 && high < 0xdc00) {
        if (file->end - file->at < 6 || *file->at++ != '\\' || *file->at++ != 'u' ||
            !read_unit(file, &low) || low < 0xdc00 || low >= 0xe000)
            return false;
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    *ret = high;
    return true;
}

/* In UTF-8; never longer than its escape. */
static uint8_t *put_character(uint8_t *out, uint32_t c)
{
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t first[] = {0, 0xc0, 0xe0, 0xf0};

    *out++ = (uint8_t)(first[more] | c >> (6 * more));
    while (more-- > 0)
        *out++ = (uint8_t)(0x80 | (c >> (6 * more) & 0x3f));
    return out;
}

/* An escape after its backslash. False if there is no such escape. */
static bool read_escape(ValueFile *file, uint8_t **out)
{
    static const char from[] = "bfnrt\"\\/", to[] = "\b\f\n\r\t\"\\/";
    const char *found = peek(file) ? strchr(from, *file->at) : NULL;
    uint32_t c;

    if (found)
        c = (uint8_t)to[found - from];
    else if (peek(file) != 'u')
        return false;
    file->at++;
    if (!found && !read_character(file, &c))
        return false;
    *out = put_character(*out, c);
    return true;
}

/* A string in double quotes. A NUL follows it, in place of its end. */
static int read_string(ValueFile *file, Reason *reason, BytesView *ret)
{
    uint8_t *start = ++file->at, *out = start;

    while (peek(file) != '"') {
        uint8_t c = peek(file);

        if (c < ' ')
            return malformed(file->line, reason,
                             file->at == file->end
                                 ? "the quotation mark is not closed"
                                 : "a line break or control character in quotes; use an escape");
        file->at++;
        if (c != '\\')
            *out++ = c;
        else if (!read_escape(file, &out))
            return malformed(file->line, reason, "unknown escape, or NUL, in quotes");
    }
    file->at++;
    *out = '\0';
    *ret = (BytesView){start, (size_t)(out - start)};
    return 0;
}

static int nested(size_t line, Reason *reason, const char *name, const char *inner)
{
    return reason_set(reason, OUTCOME_USAGE,
                      "line %zu: %.60s.%.60s is nested, but a credential is one value; put what is "
                      "in %.60s into a file of its own",
                      line, name, inner, name);
}

/* The value of NAME is no string. */
static int refuse_value(ValueFile *file, Reason *reason, const char *name)
{
    uint8_t c = peek(file);
    BytesView inner = {0};

    if (c == '{') {
        size_t line = file->line;

        file->at++;
        skip_space(file);
        if (peek(file) == '"' && read_string(file, NULL, &inner) == 0)
            return nested(line, reason, name, (const char *)inner.data);
    }
    return reason_set(reason, OUTCOME_USAGE,
                      "line %zu: %.60s is %s, not a string. If it is a secret, put it into "
                      "double quotes",
                      file->line, name,
                      c == '{'                             ? "an object"
                      : c == '['                           ? "a list"
                      : c == 'n'                           ? "null"
                      : c == 't' || c == 'f'               ? "a boolean"
                      : c == '-' || (c >= '0' && c <= '9') ? "a number"
                                                           : "something else");
}

/* After the last member. */
static int read_json_end(ValueFile *file, Reason *reason, ValueEntry *ret)
{
    file->at++;
    skip_space(file);
    if (file->at < file->end)
        return malformed(file->line, reason, "something follows the JSON object");
    *ret = (ValueEntry){0};
    return 0;
}

int value_file_next_json(ValueFile *file, Reason *reason, ValueEntry *ret)
{
    bool first = !file->begun;
    ValueEntry entry = {0};
    BytesView name = {0};
    int r;

    file->begun = true;
    skip_space(file);
    if (first && peek(file) != '{')
        return malformed(file->line, reason, "this is not a JSON object");
    if (!first && peek(file) == '}')
        return read_json_end(file, reason, ret);
    if (!first && peek(file) != ',')
        return malformed(file->line, reason, "a comma or the end is missing");
    file->at++;
    skip_space(file);
    if (first && peek(file) == '}')
        return read_json_end(file, reason, ret);
    entry.line = file->line;
    r = peek(file) == '"' ? read_string(file, reason, &name)
                          : malformed(file->line, reason, "a name in double quotes is missing");
    if (r != 0)
        return r;
    entry.name = (const char *)name.data;
    skip_space(file);
    if (peek(file) != ':')
        return malformed(file->line, reason, "a \":\" is missing");
    file->at++;
    skip_space(file);
    r = peek(file) == '"' ? read_string(file, reason, &entry.value)
                          : refuse_value(file, reason, entry.name);
    if (r == 0)
        *ret = entry;
    return r;
}

/* --- YAML --- */

/* At the end of a line, or of the text. */
static bool at_line_end(const ValueFile *file)
{
    return file->at == file->end || *file->at == '\n';
}

/* Skips blanks, a comment and the end of the line; false if there is something else. */
static bool skip_line_rest(ValueFile *file)
{
    const uint8_t *start = file->at;

    skip_blanks(file);
    if (file->at > start)
        skip_comment(file);
    return skip_line_end(file);
}

/* Skips empty lines and lines of comments. Returns how far the next one is indented. */
static size_t skip_lines(ValueFile *file)
{
    uint8_t *start;

    do {
        start = file->at;
        skip_blanks(file);
        skip_comment(file);
    } while (file->at < file->end && skip_line_end(file));
    return (size_t)(file->at - start);
}

/* Whether a text without quotes may be a boolean or null. */
static bool is_word(const uint8_t *text, size_t size)
{
    static const char *const words[] = {"y",   "n",    "yes",   "no",  "on",
                                        "off", "true", "false", "null"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (size == strlen(words[i]) && strncasecmp((const char *)text, words[i], size) == 0)
            return true;
    return false;
}

/* A string in single quotes. A NUL follows it, in place of its end. */
static int read_single_quoted(ValueFile *file, Reason *reason, BytesView *ret)
{
    uint8_t *start = ++file->at, *out = start;

    for (;;) {
        if (peek(file) < ' ')
            return malformed(file->line, reason,
                             "a quotation mark is not closed on its line; use | for several lines");
        if (*file->at++ == '\'') {
            if (peek(file) != '\'')
                break;
            file->at++;
        }
        *out++ = file->at[-1];
    }
    *out = '\0';
    *ret = (BytesView){start, (size_t)(out - start)};
    return 0;
}

/* Skips a name without quotes, as far as it goes. Returns its length. */
static size_t skip_plain_name(ValueFile *file)
{
    uint8_t *start = file->at, c;

    while (file->at < file->end) {
        c = *file->at;
        if (!in_name(c, file->at == start) &&
            (file->at == start || (c != '-' && c != '.' && c != '/')))
            break;
        file->at++;
    }
    return (size_t)(file->at - start);
}

static int read_yaml_name(ValueFile *file, Reason *reason, const char **ret)
{
    BytesView name = {file->at, 0};
    int r = 0;

    if (peek(file) == '"')
        r = read_string(file, reason, &name);
    else if (peek(file) == '\'')
        r = read_single_quoted(file, reason, &name);
    else {
        name.size = skip_plain_name(file);
        if (is_word(name.data, name.size))
            return malformed(file->line, reason, "some programs take this name for a boolean");
    }
    if (r != 0)
        return r;
    if (name.size == 0 || peek(file) != ':')
        return malformed(file->line, reason, "this is not NAME: VALUE");
    *file->at++ = '\0';
    if (!at_line_end(file) && !is_blank(*file->at) && *file->at != '\r')
        return malformed(file->line, reason, "this is not NAME: VALUE");
    *ret = (const char *)name.data;
    return 0;
}

/* Nothing follows NAME in line LINE. */
static int refuse_missing(ValueFile *file, size_t line, Reason *reason, const char *name)
{
    size_t indent = skip_lines(file);
    const char *inner = (const char *)file->at;
    bool is_list = peek(file) == '-';

    if (indent > 0 && skip_plain_name(file) > 0 && peek(file) == ':') {
        *file->at = '\0';
        return nested(line, reason, name, inner);
    }
    return reason_set(reason, OUTCOME_USAGE, "line %zu: %.60s has %s, not a string", line, name,
                      is_list ? "a list" : "no value");
}

/* The value of NAME, without quotes, as far as it can be nothing but text. */
static int read_plain(ValueFile *file, const char *name, Reason *reason, BytesView *ret)
{
    static const char special[] = "-?:,[]{}#&*!|>'\"%@`+.~<=0123456789";
    uint8_t *start = file->at, *end = start;
    bool is_text = !strchr(special, *start);

    for (; is_text && !at_line_end(file) && *file->at != '\r'; file->at++) {
        uint8_t next = file->at + 1 < file->end ? file->at[1] : '\n';

        if (*file->at == '#' && file->at[-1] == ' ')
            break;
        is_text = *file->at >= ' ' && (*file->at != ':' || next > ' ');
        if (*file->at != ' ')
            end = file->at + 1;
    }
    *ret = (BytesView){start, (size_t)(end - start)};
    if (!is_text || is_word(start, ret->size))
        return reason_set(reason, OUTCOME_USAGE,
                          "line %zu: without quotes the value of %.60s may be read as something "
                          "else than text; if it is text, put it into single quotes",
                          file->line, name);
    skip_comment(file);
    return 0;
}

/* The indented lines after | (KEEP_END) or |-, which drops the last line break. */
static int read_block(ValueFile *file, bool keep_end, Reason *reason, BytesView *ret)
{
    uint8_t *start = file->at, *out = start, *last = start;
    size_t indent = 0;

    while (file->at < file->end) {
        size_t left = (size_t)(file->end - file->at), length, blanks = 0;
        uint8_t *line = file->at, *end = memchr(line, '\n', left);

        length = end ? (size_t)(end - line) : left;
        while (blanks < length && line[blanks] == ' ')
            blanks++;
        if (indent == 0)
            indent = blanks;
        if (indent == 0 || (blanks < indent && blanks < length))
            break;
        if (!end || memchr(line, '\r', length) || memchr(line, '\0', length))
            return malformed(file->line, reason, "a line of this text does not end with LF alone");
        if (blanks == length && (blanks > indent || out == start))
            return malformed(file->line, reason,
                             "programs disagree about this line of blanks; remove it");
        if (blanks > indent)
            blanks = indent;
        length = length + 1 - blanks;
        memmove(out, line + blanks, length);
        out += length;
        if (length > 1)
            last = out;
        file->at = end + 1;
        file->line++;
    }
    if (last == start)
        return malformed(file->line, reason, "there is no text after |");
    *ret = (BytesView){start, (size_t)(last - start) - !keep_end};
    return 0;
}

static int read_yaml_value(ValueFile *file, Reason *reason, const char *name, BytesView *ret)
{
    size_t line = file->line;
    bool strip;

    skip_blanks(file);
    if (at_line_end(file) || *file->at == '\r' || *file->at == '#')
        return refuse_missing(file, line, reason, name);
    if (*file->at != '|') {
        int r = *file->at == '"'    ? read_string(file, reason, ret)
                : *file->at == '\'' ? read_single_quoted(file, reason, ret)
                                    : read_plain(file, name, reason, ret);

        return r != 0 || skip_line_rest(file)
                   ? r
                   : malformed(line, reason, "something follows the value");
    }
    file->at++;
    strip = peek(file) == '-';
    file->at += strip;
    if (!skip_line_rest(file))
        return malformed(line, reason, "only | and |- can begin a text of several lines");
    return read_block(file, !strip, reason, ret);
}

int value_file_next_yaml(ValueFile *file, Reason *reason, ValueEntry *ret)
{
    ValueEntry entry = {0};
    size_t indent = skip_lines(file);
    int r;

    if (!file->begun && indent == 0 && file->end - file->at >= 3 &&
        memcmp(file->at, "---", 3) == 0) {
        file->at += 3;
        if (!skip_line_rest(file))
            return malformed(file->line, reason, "something follows the ---");
        indent = skip_lines(file);
    }
    file->begun = true;
    if (file->at == file->end) {
        *ret = entry;
        return 0;
    }
    entry.line = file->line;
    if (indent > 0)
        return malformed(file->line, reason,
                         "this line is indented, but the one before is complete");
    r = read_yaml_name(file, reason, &entry.name);
    if (r != 0)
        return r;
    r = read_yaml_value(file, reason, entry.name, &entry.value);
    if (r == 0)
        *ret = entry;
    return r;
}
