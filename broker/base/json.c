/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON, strictly. See json.h.
 */

#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

DEFINE_CLEANUP(struct json_tokener *, json_tokener_free);

/* The members that TEXT, which is JSON, has in all its objects: a ":" outside of strings each. */
static size_t count_written(BytesView text)
{
    bool in_string = false;
    size_t count = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (in_string && text.data[i] == '\\')
            i++;
        else if (text.data[i] == '"')
            in_string = !in_string;
        else if (!in_string && text.data[i] == ':')
            count++;
    }
    return count;
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
    if (json_tokener_get_parse_end(tokener) != text.size &&
        strspn((const char *)text.data + json_tokener_get_parse_end(tokener), " \t\r\n") <
            text.size - json_tokener_get_parse_end(tokener))
        return reason_set(reason, OUTCOME_MALFORMED, "something follows it");
    if (count_written(text) != count_kept(value))
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
