/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "terminal/pretty.h"

#include "base/base64.h"

#include <string.h>

#define PREFIX      "SetCredentialEncrypted="

/* Characters of base64 in a line; indented, a line has as many as systemd's. */
#define LINE_LENGTH ((size_t)69)

bool pretty_is(BytesView file)
{
    return file.size >= strlen(PREFIX) && memcmp(file.data, PREFIX, strlen(PREFIX)) == 0;
}

void pretty_strip(Bytes *file)
{
    uint8_t *colon = pretty_is(bytes_view(file)) ? memchr(file->data, ':', file->size) : NULL;

    if (!colon)
        return;
    memset(file->data, ' ', (size_t)(colon - file->data) + 1);
    for (size_t i = 0; i + 1 < file->size; i++)
        if (file->data[i] == '\\' && file->data[i + 1] == '\n')
            file->data[i] = ' ';
}

int pretty_make(const char *name, BytesView sealed, Bytes *ret)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    int r = base64_encode(sealed, LINE_LENGTH, &text);

    if (r != 0)
        return r;
    writer_text(&writer, PREFIX);
    for (; *name; name++) {
        /* a unit's specifiers and escapes */
        if (*name == '%')
            writer_text(&writer, "%");
        else if (strchr("\\'\"", *name))
            writer_text(&writer, "\\");
        writer_bytes(&writer, (BytesView){(const uint8_t *)name, 1});
    }
    writer_text(&writer, ":");
    for (size_t i = 0, size; i < text.size; i += size + 1) {
        size = (size_t)((uint8_t *)memchr(text.data + i, '\n', text.size - i) - (text.data + i));
        writer_text(&writer, " \\\n        ");
        writer_bytes(&writer, (BytesView){text.data + i, size});
    }
    writer_text(&writer, "\n");
    return writer_take(&writer, ret);
}
