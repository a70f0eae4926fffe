/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/template.h"

#include "policy/policy.h"

#include <string.h>

#define OPEN  "{{"
#define CLOSE "}}"

static bool begins_with(const char *text, const char *what)
{
    return strncmp(text, what, strlen(what)) == 0;
}

/* Whether a placeholder starts at TEXT: two braces, but not three or four. */
static bool is_placeholder(const char *text)
{
    return begins_with(text, OPEN) && text[2] != '{';
}

/* The length of the text up to the next placeholder or escaped brace. */
static size_t text_length(const char *text)
{
    size_t length = 0;

    while (text[length] && !is_placeholder(text + length) && !begins_with(text + length, OPEN OPEN))
        length++;
    return length;
}

/* Finds the id of the placeholder at TEXT; false if it does not end or contains none. */
static bool read_placeholder(const char *text, char id[LIMIT_ID_BYTES + 1], size_t *ret_length)
{
    const char *begin = text + strlen(OPEN);
    const char *end = strstr(begin, CLOSE);
    size_t length = end ? (size_t)(end - begin) : 0;

    if (!end || length > LIMIT_ID_BYTES)
        return false;
    memcpy(id, begin, length);
    id[length] = '\0';
    *ret_length = length + strlen(OPEN CLOSE);
    return policy_id_valid(id);
}

bool template_next(const char **cursor, TemplatePiece *ret)
{
    const char *text = *cursor;
    TemplatePiece piece = {.id = ""};
    size_t length;

    if (*text == '\0')
        return false;
    if (begins_with(text, OPEN OPEN)) {
        length = strlen(OPEN OPEN);
        piece.text = (BytesView){(const uint8_t *)text, strlen(OPEN)};
    } else if (is_placeholder(text)) {
        if (!read_placeholder(text, piece.id, &length))
            return false;
    } else {
        length = text_length(text);
        piece.text = (BytesView){(const uint8_t *)text, length};
    }
    *cursor = text + length;
    *ret = piece;
    return true;
}

int template_check(const char *text, Reason *reason)
{
    const char *cursor = text;
    TemplatePiece piece;
    size_t placeholders = 0;

    if (*text == '\0')
        return reason_set(reason, OUTCOME_MALFORMED, "the template is empty");
    if (strlen(text) > LIMIT_TEMPLATE_BYTES)
        return reason_set(reason, OUTCOME_MALFORMED, "the template is longer than %zu bytes",
                          LIMIT_TEMPLATE_BYTES);
    while (template_next(&cursor, &piece))
        if (piece.text.size == 0 && ++placeholders > LIMIT_TEMPLATE_PLACEHOLDERS)
            return reason_set(reason, OUTCOME_MALFORMED,
                              "the template has more than %zu placeholders",
                              LIMIT_TEMPLATE_PLACEHOLDERS);
    if (*cursor)
        return reason_set(reason, OUTCOME_MALFORMED,
                          "byte %zu of the template: \"" OPEN "\" without an id and \"" CLOSE
                          "\" after it; for two literal braces, write \"" OPEN OPEN "\"",
                          (size_t)(cursor - text) + 1);
    return 0;
}
