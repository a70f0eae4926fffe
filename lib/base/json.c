/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strict JSON. See json.h.
 */

#include "base/json.h"

#include "base/json_scan.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

/* Counts the members that json-c kept. Recurses at most as deep as the parser. */
static size_t count_kept(struct json_object *value)
{
    enum json_type type = json_object_get_type(value);
    size_t count = 0;

    if (type == json_type_array) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            count += count_kept(json_object_array_get_idx(value, i));
    } else if (type == json_type_object) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            count += 1 + count_kept(member);
        }
    }
    return count;
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
    return position_of(text, json_scan_find(text, path, levels));
}

/* Checks that VALUE, as parsed by json-c, is all that TEXT contains. */
static int check_kept(BytesView text, struct json_object *value, Reason *reason, size_t *offset)
{
    size_t written;
    int r;

    if (!json_scan_count_members(text, &written)) {
        *offset = written;
        return reason_set(reason, OUTCOME_MALFORMED, "not JSON: single quotes or a comment");
    }
    if (written == count_kept(value))
        return 0;
    r = json_scan_find_duplicate(text, offset);
    return r < 0 ? r : reason_set(reason, OUTCOME_MALFORMED, "a second member with the same name");
}

static int tokenise(BytesView text, int depth, int flags, Reason *reason, size_t *offset,
                    struct json_object **ret)
{
    _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(depth);
    _cleanup_(json_object_putp) struct json_object *value = NULL;
    enum json_tokener_error error;

    if (!tokener)
        return reason_set(reason, -ENOMEM, "cannot read JSON");
    json_tokener_set_flags(tokener, flags);
    value = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    error = json_tokener_get_error(tokener);
    *offset = json_tokener_get_parse_end(tokener);
    if (error == json_tokener_continue)
        return reason_set(reason, OUTCOME_MALFORMED, "it is truncated");
    if (error != json_tokener_success)
        return reason_set(reason, OUTCOME_MALFORMED, "not JSON: %s",
                          json_tokener_error_desc(error));
    *ret = TAKE_PTR(value);
    return 0;
}

static bool is_ascii(BytesView text)
{
    uint8_t bits = 0;

    for (size_t i = 0; i < text.size; i++)
        bits |= text.data[i];
    return bits < 0x80;
}

/*
 * In strict mode json-c 0.18 takes every byte above 0x7f for a control character (its issue 892).
 * So this checks the grammar in a copy in which each such byte is a letter; both are valid only in
 * strings. The values are then read from TEXT itself.
 */
static int tokenise_strictly(BytesView text, int depth, Reason *reason, size_t *offset,
                             struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *grammar = NULL;
    _cleanup_(bytes_done) Bytes copy = {0};
    int r;

    if (is_ascii(text))
        return tokenise(text, depth, JSON_TOKENER_STRICT, reason, offset, ret);
    r = bytes_dup(text, &copy);
    if (r < 0)
        return reason_set(reason, r, "cannot read JSON");
    for (size_t i = 0; i < copy.size; i++)
        if (copy.data[i] >= 0x80)
            copy.data[i] = 'x';
    r = tokenise(bytes_view(&copy), depth, JSON_TOKENER_STRICT, reason, offset, &grammar);
    return r == 0 ? tokenise(text, depth, JSON_TOKENER_VALIDATE_UTF8, reason, offset, ret) : r;
}

static int parse(BytesView text, int depth, Reason *reason, size_t *offset,
                 struct json_object **ret)
{
    _cleanup_(json_object_putp) struct json_object *value = NULL;
    const uint8_t *nul = text.size ? memchr(text.data, '\0', text.size) : NULL;
    int r;

    *offset = 0;
    if (text.size == 0)
        return reason_set(reason, OUTCOME_MALFORMED, "it is empty");
    if (text.size >= INT_MAX || nul) {
        *offset = nul ? (size_t)(nul - text.data) : 0;
        return reason_set(reason, OUTCOME_MALFORMED, "not JSON");
    }
    r = tokenise_strictly(text, depth, reason, offset, &value);
    if (r == 0)
        r = check_kept(text, value, reason, offset);
    if (r != 0)
        return r;
    *ret = TAKE_PTR(value);
    return 0;
}

int json_parse_located(BytesView text, int depth, JsonPosition *ret_position, Reason *reason,
                       struct json_object **ret)
{
    size_t offset;
    int r = parse(text, depth, reason, &offset, ret);

    if (r == OUTCOME_MALFORMED)
        *ret_position = position_of(text, offset);
    return r;
}

int json_parse(BytesView text, int depth, Reason *reason, struct json_object **ret)
{
    Reason what = {0};
    JsonPosition position;
    int r = json_parse_located(text, depth, &position, &what, ret);

    if (r == OUTCOME_MALFORMED)
        return reason_set(reason, r, "%.200s (line %zu, column %zu)", what.text, position.line,
                          position.column);
    if (r != 0 && reason)
        *reason = what;
    return r;
}

const char *json_text(struct json_object *value)
{
    const char *text;

    if (!json_object_is_type(value, json_type_string))
        return NULL;
    text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

size_t json_length(struct json_object *value)
{
    return json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
}

bool json_add(struct json_object *object, const char *name, struct json_object *value)
{
    if (object && value && json_object_object_add(object, name, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

bool json_add_text(struct json_object *object, const char *name, const char *text)
{
    return !text || json_add(object, name, json_object_new_string(text));
}

bool json_add_number(struct json_object *object, const char *name, uint64_t number)
{
    return json_add(object, name, json_object_new_int64((int64_t)number));
}

int json_print(struct json_object *object, Bytes *ret)
{
    size_t size;
    const char *text = json_object_to_json_string_length(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

    return text ? bytes_dup((BytesView){(const uint8_t *)text, size}, ret) : -ENOMEM;
}
