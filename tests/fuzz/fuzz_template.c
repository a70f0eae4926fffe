/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: templates.
 *
 * A template that is accepted splits into pieces which, joined again, are the template.
 */

#include "policy/template.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the piece PIECE of a template, of which AT is what is left, leaves it. */
static const char *check_piece(const char *at, const TemplatePiece *piece)
{
    if (piece->text.size == 0) {
        size_t length = strlen(piece->id);

        assert(strncmp(at, "{{", 2) == 0 && strncmp(at + 2, piece->id, length) == 0 &&
               strncmp(at + 2 + length, "}}", 2) == 0);
        return at + length + 4;
    }
    assert(piece->id[0] == '\0' && (const char *)piece->text.data == at);
    /* two braces out of four */
    if (piece->text.size == 2 && strncmp(at, "{{{{", 4) == 0)
        return at + 4;
    assert(!memmem(piece->text.data, piece->text.size, "{{", 2));
    return at + piece->text.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(freep) char *text = strndup(size ? (const char *)data : "", size);
    const char *cursor = text, *at = text;
    TemplatePiece piece;
    Reason reason = {0};

    assert(text);
    if (template_check(text, &reason) != 0) {
        assert(reason.text[0]);
        return 0;
    }
    while (template_next(&cursor, &piece)) {
        at = check_piece(at, &piece);
        assert(at == cursor);
    }
    assert(*at == '\0');
    return 0;
}
