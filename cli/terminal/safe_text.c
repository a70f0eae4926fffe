/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/safe_text.h"

#include <stdlib.h>
#include <string.h>

/* How many bytes follow FIRST, and the range of the first of them. This excludes overlong
 * encodings, surrogates, and values beyond Unicode. */
typedef struct Sequence {
    uint8_t from, to; /* FIRST */
    uint8_t more;
    uint8_t low, high;
} Sequence;

static const Sequence sequences[] = {
    {0x20, 0x7e, 0, 0, 0},       {0xc2, 0xc2, 1, 0xa0, 0xbf}, /* without C1 */
    {0xc3, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

static const Sequence *find(uint8_t first)
{
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++)
        if (first >= sequences[i].from && first <= sequences[i].to)
            return &sequences[i];
    return NULL;
}

/* The size of the first character in TEXT; 0 if it is not valid, or a control character. */
static size_t character(BytesView text)
{
    const Sequence *sequence = find(text.data[0]);

    if (!sequence || text.size < 1U + sequence->more)
        return 0;
    for (size_t i = 1; i <= sequence->more; i++) {
        uint8_t low = i == 1 ? sequence->low : 0x80, high = i == 1 ? sequence->high : 0xbf;

        if (text.data[i] < low || text.data[i] > high)
            return 0;
    }
    return 1U + sequence->more;
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
