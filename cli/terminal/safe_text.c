/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/safe_text.h"

#include <stdlib.h>
#include <string.h>

/* The size of the first character in TEXT; 0 if it is not valid, or a control character. */
static size_t character(BytesView text)
{
    /* by size; smaller values are control characters or overlong */
    static const uint32_t least[] = {0x20, 0xa0, 0x800, 0x10000};
    uint8_t first = text.data[0];
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc0 ? 1 : 0;
    uint32_t value = more > 0 ? first & (0x3fU >> more) : first;

    if (text.size <= more || (more == 0 && first >= 0x7f) || first > 0xf4)
        return 0;
    for (size_t i = 1; i <= more; i++) {
        if ((text.data[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (text.data[i] & 0x3fU);
    }
    if (value < least[more] || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
        return 0;
    return 1 + more;
}

bool safe_text_is(BytesView text)
{
    while (text.size > 0) {
        bool space = text.data[0] == '\n' || text.data[0] == '\t';
        size_t length = space ? 1 : character(text);

        if (length == 0)
            return false;
        text.data += length;
        text.size -= length;
    }
    return true;
}

void safe_text_clean(char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t length = character((BytesView){(const uint8_t *)text, left});

        if (length == 0) {
            *text = '?';
            length = 1;
        }
        text += length;
        left -= length;
    }
}

char *safe_text_format(const char *format, va_list arguments)
{
    char *text;

    if (vasprintf(&text, format, arguments) < 0)
        abort();
    safe_text_clean(text);
    return text;
}

void safe_text_put_json(const char *json, FILE *file)
{
    size_t left = strlen(json);

    while (left > 0) {
        const uint8_t *at = (const uint8_t *)json;
        size_t length = *at == '\n' ? 1 : character((BytesView){at, left});

        if (length > 0)
            fwrite(json, 1, length, file);
        else {
            bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f;

            length = c1 ? 2 : 1;
            fprintf(file, "\\u%04x", c1 ? at[1] : at[0] == 0x7f ? 0x7f : 0xfffd);
        }
        json += length;
        left -= length;
    }
}
