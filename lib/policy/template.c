/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/template.h"

#include "policy/policy.h"

#include <string.h>

#define OPEN  "{{"
#define CLOSE "}}"

bool template_next(const char **cursor, TemplatePiece *ret)
{
    const char *text = *cursor, *open = strstr(text, OPEN), *id, *close;
    TemplatePiece piece = {.id = ""};
    size_t length;

    if (*text == '\0')
        return false;
    /* of three braces the last two */
    if (open && open[2] == '{' && open[3] != '{')
        open++;
    if (open != text) {
        length = open ? (size_t)(open - text) : strlen(text);
        piece.text = (BytesView){(const uint8_t *)text, length};
    } else if (text[2] == '{') {
        length = strlen(OPEN OPEN);
        piece.text = (BytesView){(const uint8_t *)text, strlen(OPEN)};
    } else {
        id = text + strlen(OPEN);
        close = strstr(id, CLOSE);
        if (!close || close - id > (ptrdiff_t)LIMIT_ID_BYTES)
            return false;
        memcpy(piece.id, id, (size_t)(close - id));
        length = strlen(OPEN CLOSE) + (size_t)(close - id);
        if (!policy_id_valid(piece.id))
            return false;
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
