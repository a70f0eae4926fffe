/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The structure is parsed here. json-c converts numbers, and strings that are not plain ASCII: in
 * strict mode json-c 0.18 takes every byte above 0x7f for a control character (its issue 892).
 */

#include "base/json.h"

#include "base/base64.h"

#include <errno.h>
#include <json-c/json_visit.h>
#include <limits.h>
#include <sodium.h>
#include <string.h>

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

typedef struct Parser {
    BytesView text;
    size_t at;
    size_t depth; /* how deep values may be nested */
    struct json_tokener *tokener;
    Reason *reason;
    /* json_position()'s: the path, and the offset of the value there */
    const size_t *path;
    size_t levels, found;
} Parser;

static int read_value(Parser *parser, size_t level, bool on_path, struct json_object **ret);

/* 0 at the end. */
static uint8_t peek(const Parser *parser)
{
    return parser->at < parser->text.size ? parser->text.data[parser->at] : 0;
}

static int malformed(Parser *parser, const char *what)
{
    if (parser->at == parser->text.size)
        return reason_set(parser->reason, OUTCOME_MALFORMED, "it is truncated");
    return reason_set(parser->reason, OUTCOME_MALFORMED, "not JSON: %s", what);
}

static void skip_space(Parser *parser)
{
    while (peek(parser) == ' ' || peek(parser) == '\t' || peek(parser) == '\r' ||
           peek(parser) == '\n')
        parser->at++;
}

/* Moves past C and the white space around it; false if something else is there. */
static bool accept(Parser *parser, char c)
{
    skip_space(parser);
    if (peek(parser) != (uint8_t)c)
        return false;
    parser->at++;
    skip_space(parser);
    return true;
}

/* Converts the SIZE bytes before the position. */
static int convert(Parser *parser, size_t size, int flags, struct json_object **ret)
{
    const char *token = (const char *)parser->text.data + parser->at - size;
    enum json_tokener_error error;

    json_tokener_reset(parser->tokener);
    json_tokener_set_flags(parser->tokener, flags);
    *ret = json_tokener_parse_ex(parser->tokener, token, (int)size);
    error = json_tokener_get_error(parser->tokener);
    if (error != json_tokener_success && error != json_tokener_continue)
        parser->at -= size - json_tokener_get_parse_end(parser->tokener);
    /* a number could go on, but for the NUL */
    if (error == json_tokener_continue) {
        *ret = json_tokener_parse_ex(parser->tokener, "", 1);
        error = json_tokener_get_error(parser->tokener);
    }
    return error == json_tokener_success ? 0 : malformed(parser, json_tokener_error_desc(error));
}

static int read_string(Parser *parser, struct json_object **ret)
{
    size_t begin = parser->at++, size;
    bool plain = true;

    for (; peek(parser) != '"'; parser->at++) {
        plain = plain && peek(parser) < 0x80 && peek(parser) != '\\';
        if (peek(parser) == '\\')
            parser->at++;
        if (peek(parser) < ' ')
            return malformed(parser, "a control character in a string");
    }
    size = ++parser->at - begin;
    if (!plain)
        return convert(parser, size, JSON_TOKENER_VALIDATE_UTF8, ret);
    *ret = json_object_new_string_len((const char *)parser->text.data + begin + 1, (int)size - 2);
    return *ret ? 0 : -ENOMEM;
}

static int read_number(Parser *parser, struct json_object **ret)
{
    size_t begin = parser->at;

    while (peek(parser) && strchr("+-.0123456789Ee", peek(parser)))
        parser->at++;
    return convert(parser, parser->at - begin, JSON_TOKENER_STRICT, ret);
}

static bool accept_word(Parser *parser, const char *word)
{
    size_t length = strlen(word);

    if (parser->text.size - parser->at < length ||
        memcmp(parser->text.data + parser->at, word, length) != 0)
        return false;
    parser->at += length;
    return true;
}

static int read_scalar(Parser *parser, struct json_object **ret)
{
    uint8_t c = peek(parser);

    if (c == '"')
        return read_string(parser, ret);
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(parser, ret);
    *ret = NULL;
    if (accept_word(parser, "null"))
        return 0;
    if (!accept_word(parser, c == 't' ? "true" : "false"))
        return malformed(parser, "a value is missing");
    *ret = json_object_new_boolean(c == 't');
    return *ret ? 0 : -ENOMEM;
}

/* Adds the name and value at the position to OBJECT. */
static int read_member(Parser *parser, size_t level, bool on_path, struct json_object *object)
{
    _cleanup_(json_object_putp) struct json_object *name = NULL, *value = NULL;
    size_t begin = parser->at;
    int r = peek(parser) == '"' ? read_string(parser, &name)
                                : malformed(parser, "a name in double quotes is missing");

    if (r == 0 && json_object_object_get_ex(object, json_object_get_string(name), NULL)) {
        parser->at = begin;
        return reason_set(parser->reason, OUTCOME_MALFORMED, "a second member with the same name");
    }
    if (r == 0 && !accept(parser, ':'))
        r = malformed(parser, "a \":\" is missing");
    if (r == 0)
        r = read_value(parser, level, on_path, &value);
    if (r != 0)
        return r;
    if (json_object_object_add(object, json_object_get_string(name), value) != 0)
        return -ENOMEM;
    value = NULL;
    return 0;
}

static int read_element(Parser *parser, size_t level, bool on_path, struct json_object *array)
{
    struct json_object *value;
    int r = read_value(parser, level, on_path, &value);

    if (r == 0 && json_object_array_add(array, value) != 0) {
        json_object_put(value);
        r = -ENOMEM;
    }
    return r;
}

/* Reads an object or an array at LEVEL; ON_PATH if json_position()'s path leads to it. */
static int read_container(Parser *parser, size_t level, bool on_path, struct json_object **ret)
{
    bool is_object = peek(parser) == '{';
    char end = is_object ? '}' : ']';
    _cleanup_(json_object_putp) struct json_object *container =
        is_object ? json_object_new_object() : json_object_new_array();
    size_t index = 0;
    int r = container ? 0 : -ENOMEM;

    parser->at++;
    if (r == 0 && !accept(parser, end)) {
        do {
            bool is_next = on_path && level < parser->levels && parser->path[level] == index++;

            if (is_next && level + 1 == parser->levels)
                parser->found = parser->at;
            r = is_object ? read_member(parser, level + 1, is_next, container)
                          : read_element(parser, level + 1, is_next, container);
        } while (r == 0 && accept(parser, ','));
        if (r == 0 && !accept(parser, end))
            r = malformed(parser, "a comma or the end is missing");
    }
    if (r == 0)
        *ret = TAKE_PTR(container);
    return r;
}

static int read_value(Parser *parser, size_t level, bool on_path, struct json_object **ret)
{
    if (level == parser->depth)
        return malformed(parser, "it is nested too deeply");
    return peek(parser) == '{' || peek(parser) == '[' ? read_container(parser, level, on_path, ret)
                                                      : read_scalar(parser, ret);
}

static int parse(Parser *parser, struct json_object **ret)
{
    _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new();
    _cleanup_(json_object_putp) struct json_object *value = NULL;
    int r;

    parser->tokener = tokener;
    if (!tokener)
        return -ENOMEM;
    if (parser->text.size == 0)
        return reason_set(parser->reason, OUTCOME_MALFORMED, "it is empty");
    if (parser->text.size >= INT_MAX)
        return reason_set(parser->reason, OUTCOME_MALFORMED, "it is too large");
    skip_space(parser);
    parser->found = parser->levels == 0 ? parser->at : parser->text.size;
    r = read_value(parser, 0, true, &value);
    skip_space(parser);
    if (r == 0 && parser->at < parser->text.size)
        r = malformed(parser, "something follows the value");
    if (r == 0)
        *ret = TAKE_PTR(value);
    return r;
}

/* Columns are characters, so continuation bytes of UTF-8 do not count. */
static JsonPosition position_of(BytesView text, size_t offset)
{
    JsonPosition position = {1, 1};

    for (size_t i = 0; i < offset && i < text.size; i++) {
        if (text.data[i] == '\n')
            position = (JsonPosition){position.line + 1, 1};
        else if ((text.data[i] & 0xc0) != 0x80)
            position.column++;
    }
    return position;
}

JsonPosition json_position(BytesView text, const size_t *path, size_t levels)
{
    Parser parser = {.text = text, .depth = SIZE_MAX, .path = path, .levels = levels};
    _cleanup_(json_object_putp) struct json_object *value = NULL;

    (void)parse(&parser, &value);
    return position_of(text, parser.found);
}

int json_parse(BytesView text, int depth, JsonPosition *ret_position, Reason *reason,
               struct json_object **ret)
{
    Reason what = {0};
    Parser parser = {.text = text, .depth = (size_t)depth, .reason = &what};
    JsonPosition position;
    int r = parse(&parser, ret);

    if (r <= 0)
        return r < 0 ? reason_set(reason, r, "cannot read JSON") : 0;
    position = position_of(text, parser.at);
    if (!ret_position)
        return reason_set(reason, r, "%.200s (line %zu, column %zu)", what.text, position.line,
                          position.column);
    *ret_position = position;
    return reason_set(reason, r, "%s", what.text);
}

static void wipe(struct json_object *string, void *)
{
    explicit_bzero((char *)json_object_get_string(string),
                   (size_t)json_object_get_string_len(string));
}

static int set_wipe(struct json_object *value, int, struct json_object *, const char *, size_t *,
                    void *)
{
    if (json_object_is_type(value, json_type_string))
        json_object_set_userdata(value, NULL, wipe);
    return JSON_C_VISIT_RETURN_CONTINUE;
}

bool json_bounded(BytesView text, size_t marks)
{
    size_t found = 0;

    for (size_t i = 0; i < text.size; i++)
        found += text.data[i] == '{' || text.data[i] == '[' || text.data[i] == ',';
    return found <= marks;
}

void json_wipe_later(struct json_object *value)
{
    json_c_visit(value, 0, set_wipe, NULL);
}

const char *json_text(struct json_object *value)
{
    const char *text;

    if (!json_object_is_type(value, json_type_string))
        return NULL;
    text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

bool json_hex(struct json_object *value, uint8_t *ret, size_t size)
{
    const char *text = json_text(value);

    return text && hex_parse(text, ret, size);
}

bool json_hex_text(struct json_object *value, char *ret, size_t size)
{
    const char *text = json_text(value);
    bool fills = text && strlen(text) == size - 1 && strspn(text, "0123456789abcdef") == size - 1;

    if (fills)
        memcpy(ret, text, size);
    return fills;
}

int json_base64(struct json_object *value, Bytes *ret)
{
    const char *text = json_text(value);

    return text ? base64_decode(text_view(text), ret) : OUTCOME_MALFORMED;
}

bool json_number(struct json_object *value, int64_t min, int64_t max, int64_t *ret)
{
    *ret = json_object_get_int64(value);
    return json_object_is_type(value, json_type_int) && *ret >= min && *ret <= max;
}

bool json_is_true(struct json_object *value)
{
    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

bool json_is_version(struct json_object *value, int version)
{
    int64_t number;

    return json_object_is_type(value, json_type_object) &&
           json_number(json_object_object_get(value, "version"), version, version, &number);
}

size_t json_length(struct json_object *value)
{
    return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

/* The serializer of what has lost something: it has no text, nor has what contains it. (User data
 * would be simpler, but json-c 0.19 then crashes when it frees the container.) */
static int no_text(struct json_object *, struct printbuf *, int, int)
{
    return -1;
}

static bool lose(struct json_object *container, struct json_object *value)
{
    json_object_put(value);
    if (container)
        json_object_set_serializer(container, no_text, NULL, NULL);
    return false;
}

bool json_add(struct json_object *object, const char *name, struct json_object *value)
{
    return (object && value && json_object_object_add(object, name, value) == 0) ||
           lose(object, value);
}

bool json_append(struct json_object *array, struct json_object *value)
{
    return (array && value && json_object_array_add(array, value) == 0) || lose(array, value);
}

bool json_add_text(struct json_object *object, const char *name, const char *text)
{
    return !text || json_add(object, name, json_object_new_string(text));
}

bool json_add_view(struct json_object *object, const char *name, BytesView text)
{
    return text.size == 0 ||
           json_add(object, name,
                    json_object_new_string_len((const char *)text.data, (int)text.size));
}

struct json_object *json_texts(char *const *texts)
{
    struct json_object *array = json_object_new_array();

    for (; texts && *texts; texts++)
        json_append(array, json_object_new_string(*texts));
    return array;
}

bool json_add_number(struct json_object *object, const char *name, uint64_t number)
{
    return json_add(object, name, json_object_new_int64((int64_t)number));
}

bool json_add_flag(struct json_object *object, const char *name, bool flag)
{
    return !flag || json_add(object, name, json_object_new_boolean(true));
}

bool json_add_hex(struct json_object *object, const char *name, const uint8_t *bytes, size_t size)
{
    _cleanup_(freep) char *text = malloc(2 * size + 1);

    return json_add(object, name,
                    text ? json_object_new_string(sodium_bin2hex(text, 2 * size + 1, bytes, size))
                         : NULL);
}

bool json_add_base64(struct json_object *object, const char *name, BytesView bytes)
{
    _cleanup_(bytes_done) Bytes text = {0};

    return json_add(object, name,
                    base64_encode(bytes, 0, &text) == 0
                        ? json_object_new_string_len((const char *)text.data, (int)text.size)
                        : NULL);
}

static const char *print(struct json_object *object, int flags, size_t *ret_size)
{
    return object ? json_object_to_json_string_length(
                        object, flags | JSON_C_TO_STRING_NOSLASHESCAPE, ret_size)
                  : NULL;
}

int json_print(struct json_object *object, Bytes *ret)
{
    size_t size;
    const char *text = print(object, JSON_C_TO_STRING_PLAIN, &size);

    return text ? bytes_dup((BytesView){(const uint8_t *)text, size}, ret) : -ENOMEM;
}

int json_print_pretty(struct json_object *object, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    size_t size;
    const char *text = print(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED, &size);

    if (!text)
        return -ENOMEM;
    writer_bytes(&writer, (BytesView){(const uint8_t *)text, size});
    writer_text(&writer, "\n");
    return writer_take(&writer, ret);
}
