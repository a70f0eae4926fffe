/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Positions in a JSON text. See json_scan.h.
 */

#include "base/json_scan.h"

#include "base/json.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

typedef struct Cursor {
    BytesView text;
    size_t at;
} Cursor;

/* 0 at the end. */
static uint8_t peek(const Cursor *cursor)
{
    return cursor->at < cursor->text.size ? cursor->text.data[cursor->at] : 0;
}

static void step(Cursor *cursor)
{
    if (cursor->at < cursor->text.size)
        cursor->at++;
}

static void skip_space(Cursor *cursor)
{
    while (isspace(peek(cursor)))
        step(cursor);
}

/* Moves from the opening quote past the closing one. */
static void skip_string(Cursor *cursor)
{
    for (step(cursor); peek(cursor) && peek(cursor) != '"'; step(cursor))
        if (peek(cursor) == '\\')
            step(cursor);
    step(cursor);
}

/* Moves from the name of a member to its value. */
static void skip_name(Cursor *cursor)
{
    skip_string(cursor);
    skip_space(cursor);
    step(cursor); /* the ":" */
    skip_space(cursor);
}

/* Moves past a value of any type, or to the white space after it. */
static void skip_value(Cursor *cursor)
{
    size_t depth = 0;

    while (peek(cursor)) {
        uint8_t c = peek(cursor);

        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return;
        if (c == '"') {
            skip_string(cursor);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']')
            depth--;
        step(cursor);
    }
}

/* Moves from the end of a value to the next one; false if it was the last. */
static bool skip_comma(Cursor *cursor)
{
    bool more;

    skip_space(cursor);
    more = peek(cursor) == ',';
    step(cursor);
    skip_space(cursor);
    return more;
}

bool json_scan_count_members(BytesView text, size_t *ret)
{
    Cursor cursor = {.text = text};
    size_t count = 0;
    uint8_t c;

    while ((c = peek(&cursor))) {
        if (c == '"') {
            skip_string(&cursor);
            continue;
        }
        if (c == '\'' || c == '/') {
            *ret = cursor.at;
            return false;
        }
        count += c == ':'; /* one for each member */
        step(&cursor);
    }
    *ret = count;
    return true;
}

/* Adds the name at CURSOR, unescaped, to SET; -EEXIST if SET contains it. */
static int add_name(Cursor cursor, struct json_object *set)
{
    _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new();
    _cleanup_(json_object_putp) struct json_object *name = NULL;
    size_t begin = cursor.at;

    if (!tokener || !set)
        return -ENOMEM;
    skip_string(&cursor);
    name = json_tokener_parse_ex(tokener, (const char *)cursor.text.data + begin,
                                 (int)(cursor.at - begin));
    if (!json_object_is_type(name, json_type_string))
        return -ENOMEM;
    if (json_object_object_get_ex(set, json_object_get_string(name), NULL))
        return -EEXIST;
    return json_object_object_add(set, json_object_get_string(name), NULL) == 0 ? 0 : -ENOMEM;
}

/* Moves past the value at CURSOR; -EEXIST, with CURSOR at the name, for a duplicate. Recurses at
 * most as deep as the parser. */
static int walk(Cursor *cursor)
{
    _cleanup_(json_object_putp) struct json_object *names = NULL;
    bool object = peek(cursor) == '{';
    bool more = true;
    int r = 0;

    if (!object && peek(cursor) != '[') {
        peek(cursor) == '"' ? skip_string(cursor) : skip_value(cursor);
        return 0;
    }
    names = json_object_new_object();
    step(cursor);
    skip_space(cursor);
    if (peek(cursor) == '}' || peek(cursor) == ']') {
        step(cursor);
        return 0;
    }
    while (r == 0 && more) {
        if (object) {
            r = add_name(*cursor, names);
            if (r != 0)
                break;
            skip_name(cursor);
        }
        r = walk(cursor);
        more = r == 0 && skip_comma(cursor);
    }
    return r;
}

int json_scan_find_duplicate(BytesView text, size_t *ret_offset)
{
    Cursor cursor = {.text = text};
    int r;

    skip_space(&cursor);
    r = walk(&cursor);
    *ret_offset = r == -EEXIST ? cursor.at : text.size;
    return r == -ENOMEM ? r : 0;
}

size_t json_scan_find(BytesView text, const size_t *path, size_t levels)
{
    Cursor cursor = {.text = text};

    skip_space(&cursor);
    for (size_t i = 0; i < levels; i++) {
        bool object = peek(&cursor) == '{';

        step(&cursor);
        skip_space(&cursor);
        for (size_t number = 0; number < path[i] && peek(&cursor); number++) {
            if (object)
                skip_name(&cursor);
            skip_value(&cursor);
            skip_comma(&cursor);
        }
        if (object && i + 1 < levels)
            skip_name(&cursor);
    }
    return cursor.at;
}
