/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON from strangers, read strictly.
 *
 * json-c takes much that is no JSON, and of two members with one name it silently keeps the second,
 * so that two readers of one file may see different things. Here that is refused, as are NUL bytes,
 * text behind the value, and what is not UTF-8. Not for secrets: json-c frees without wiping.
 *
 * json-c forgets where in the text a value stood. json_position() finds it again, so that whoever
 * wrote the text is told the line.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <json-c/json.h>

static inline void json_object_putp(struct json_object **object)
{
    json_object_put(*object);
}

/* Counted from 1, columns in characters; 0 where no place is meant. */
typedef struct JsonPosition {
    size_t line;
    size_t column;
} JsonPosition;

/* Parses TEXT, in which values are nested at most DEPTH deep. The caller checks its size first.
 * OUTCOME_MALFORMED, with the place in REASON; -ENOMEM. */
int json_parse(BytesView text, int depth, Reason *reason, struct json_object **ret);

/* The same, but the place of what is OUTCOME_MALFORMED goes to RET_PLACE. */
int json_parse_located(BytesView text, int depth, JsonPosition *ret_place, Reason *reason,
                       struct json_object **ret);

/* Where in TEXT, which json_parse() takes, a value stands: PATH has a number for each of LEVELS,
 * from the outside in, which member of an object or element of an array it is, from 0. Of a member
 * it is the place of its name. */
JsonPosition json_position(BytesView text, const size_t *path, size_t levels);

/* The string VALUE, NUL-terminated and borrowed; NULL if it is none, or if it has a NUL in it. */
const char *json_text(struct json_object *value);

/* Adds VALUE to OBJECT as NAME and takes it in any case. False if either is NULL, or there is no
 * memory. */
bool json_add(struct json_object *object, const char *name, struct json_object *value);

/* OBJECT as text without a line break. -ENOMEM. */
int json_print(struct json_object *object, Bytes *ret);
