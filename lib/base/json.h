/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Strict parsing of untrusted JSON.
 *
 * json-c accepts much that is not JSON, and silently keeps the second of two members with one name,
 * so that two readers of one file may see different values. This module refuses both, and also NUL
 * bytes, text after the value, and invalid UTF-8. Values are json-c's. Not for secrets: json-c
 * copies strings that have escapes, and frees without wiping.
 *
 * A value does not know its position in the text. json_position() finds it again, so that messages
 * can name the line.
 */

#include "base/bytes.h"
#include "base/outcome.h"

#include <json-c/json.h>

static inline void json_object_putp(struct json_object **object)
{
    json_object_put(*object);
}

/* Counted from 1, columns in characters; 0 for no position. */
typedef struct JsonPosition {
    size_t line;
    size_t column;
} JsonPosition;

/* Parses TEXT, with values nested up to DEPTH deep. The caller checks its size first.
 * OUTCOME_MALFORMED, with the position in RET_POSITION, or in REASON if that is NULL; -ENOMEM. */
int json_parse(BytesView text, int depth, JsonPosition *ret_position, Reason *reason,
               struct json_object **ret);

/* Whether TEXT has at most MARKS brackets and commas, also in its strings, and therefore not many
 * more values. To be asked before json_parse() where a peer is not trusted: json-c takes 700 bytes
 * for each "{},". */
bool json_bounded(BytesView text, size_t marks);

/* Has the strings in VALUE wiped when they are freed: a peer may send a secret by mistake. VALUE
 * cannot be copied any more. */
void json_wipe_later(struct json_object *value);

/* The position of a value in TEXT, which json_parse() must accept. PATH has LEVELS numbers, from
 * the outside in: the index of a member in its object or of an element in its array, from 0. For a
 * member it is the position of its name. */
JsonPosition json_position(BytesView text, const size_t *path, size_t levels);

/* Returns the string VALUE, borrowed; NULL if it is not a string or contains a NUL. */
const char *json_text(struct json_object *value);

/* Decodes the string VALUE, SIZE bytes in lower-case hexadecimal digits; false if it is not. */
bool json_hex(struct json_object *value, uint8_t *ret, size_t size);

/* The same as text: copies the string VALUE, which must fill RET of SIZE bytes. */
bool json_hex_text(struct json_object *value, char *ret, size_t size);

/* Decodes the string VALUE. OUTCOME_MALFORMED if it is not base64; -ENOMEM. */
int json_base64(struct json_object *value, Bytes *ret);

/* Whether VALUE is a whole number from MIN to MAX, which RET gets. */
bool json_number(struct json_object *value, int64_t min, int64_t max, int64_t *ret);

/* Whether VALUE is true. */
bool json_is_true(struct json_object *value);

/* Whether VALUE is an object with the member "version" of this VERSION. */
bool json_is_version(struct json_object *value, int version);

/* How many elements VALUE has; 0 if it is no array, for which json-c would end the program. */
size_t json_length(struct json_object *value);

/* --- making: what has lost something for want of memory has no text any more, nor has what
 * contains it. So a caller adds everything, and sees by the text whether it is all there --- */

/* Adds VALUE to OBJECT as NAME, and takes ownership in any case. False if either is NULL, or there
 * is no memory. */
bool json_add(struct json_object *object, const char *name, struct json_object *value);

/* The same, at the end of ARRAY. */
bool json_append(struct json_object *array, struct json_object *value);

/* Adds the string TEXT, or nothing where it is NULL. */
bool json_add_text(struct json_object *object, const char *name, const char *text);

/* Adds the string TEXT without a NUL, or nothing where it is empty. */
bool json_add_view(struct json_object *object, const char *name, BytesView text);

/* A new array of the strings TEXTS, which end with NULL or are NULL for none. */
struct json_object *json_texts(char *const *texts);

/* Adds NUMBER, up to INT64_MAX. */
bool json_add_number(struct json_object *object, const char *name, uint64_t number);

/* Adds true, or nothing if FLAG is false. */
bool json_add_flag(struct json_object *object, const char *name, bool flag);

/* Adds SIZE bytes in hexadecimal, or BYTES in base64. */
bool json_add_hex(struct json_object *object, const char *name, const uint8_t *bytes, size_t size);
bool json_add_base64(struct json_object *object, const char *name, BytesView bytes);

/* Formats OBJECT as text without line breaks. -ENOMEM, also if it is NULL or has lost something. */
int json_print(struct json_object *object, Bytes *ret);

/* The same for people: indented, with a newline at the end. */
int json_print_pretty(struct json_object *object, Bytes *ret);
