/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON, strictly. See json.h.
 */

#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

/* Counts the members that TEXT, which json-c has taken, has in all its objects: a ":" outside of
 * strings each. False for what json-c takes beside JSON: names in single quotes, and comments. */
static bool count_written(BytesView text, size_t *ret)
{
    bool in_string = false;
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];

        if (!in_string && (c == '\'' || c == '/'))
            return false;
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && c == ':')
            count++;
    }
    *ret = count;
    return true;
}

/* The members that json-c has kept. Recurses as deep as the parser was allowed to go. */
static size_t count_kept(struct json_object *value)
{
    size_t count = 0;

    if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++)
            count += count_kept(json_object_array_get_idx(value, i));
    } else if (json_object_is_type(value, json_type_object)) {
        json_object_object_foreach(value, key, member)
        {
            (void)key;
            count += 1 + count_kept(member);
        }
    }
    return count;
}

int json_parse(BytesView text, int depth, Reason *reason, struct json_object **ret)
{
    _cleanup_(json_tokener_freep) struct json_tokener *tokener = json_tokener_new_ex(depth);
    _cleanup_(json_object_putp) struct json_object *value = NULL;
    size_t written;

    if (!tokener)
        return reason_set(reason, -ENOMEM, "cannot read JSON");
    if (text.size == 0)
        return reason_set(reason, OUTCOME_MALFORMED, "it is empty");
    if (text.size >= INT_MAX || memchr(text.data, '\0', text.size))
        return reason_set(reason, OUTCOME_MALFORMED, "it is not JSON");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    value = json_tokener_parse_ex(tokener, (const char *)text.data, (int)text.size);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        return reason_set(reason, OUTCOME_MALFORMED, "it is cut short");
    if (json_tokener_get_error(tokener) != json_tokener_success)
        return reason_set(reason, OUTCOME_MALFORMED, "it is not JSON at byte %zu: %s",
                          json_tokener_get_parse_end(tokener),
                          json_tokener_error_desc(json_tokener_get_error(tokener)));
    if (!count_written(text, &written))
        return reason_set(reason, OUTCOME_MALFORMED, "it is not JSON: single quotes or a comment");
    if (written != count_kept(value))
        return reason_set(reason, OUTCOME_MALFORMED, "it has two members of the same name");
    *ret = TAKE_PTR(value);
    return 0;
}

const char *json_text(struct json_object *value)
{
    const char *text;

    if (!json_object_is_type(value, json_type_string))
        return NULL;
    text = json_object_get_string(value);
    return strlen(text) == (size_t)json_object_get_string_len(value) ? text : NULL;
}

bool json_add(struct json_object *object, const char *name, struct json_object *value)
{
    if (object && value && json_object_object_add(object, name, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

int json_print(struct json_object *object, Bytes *ret)
{
    size_t size;
    const char *text = json_object_to_json_string_length(
        object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

    return text ? bytes_dup((BytesView){(const uint8_t *)text, size}, ret) : -ENOMEM;
}
