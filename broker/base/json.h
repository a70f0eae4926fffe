/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON from strangers, read strictly.
 *
 * json-c takes much that is no JSON, and of two members with one name it silently keeps the second,
 * so that two readers of one file may see different things. Here that is refused, as are NUL bytes,
 * text behind the value, and what is not UTF-8. Not for secrets: json-c frees without wiping.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <json-c/json.h>

static inline void json_object_putp(struct json_object **object)
{
    json_object_put(*object);
}

/* Parses TEXT, in which values are nested at most DEPTH deep. The caller checks its size first.
 * OUTCOME_MALFORMED; -ENOMEM. */
int json_parse(BytesView text, int depth, Reason *reason, struct json_object **ret);

/* The string VALUE, NUL-terminated and borrowed; NULL if it is none, or if it has a NUL in it. */
const char *json_text(struct json_object *value);

/* Adds VALUE to OBJECT as NAME and takes it in any case. False if either is NULL, or there is no
 * memory. */
bool json_add(struct json_object *object, const char *name, struct json_object *value);

/* OBJECT as text without a line break. -ENOMEM. */
int json_print(struct json_object *object, Bytes *ret);
