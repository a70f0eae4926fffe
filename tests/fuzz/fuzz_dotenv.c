/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: dotenv files.
 *
 * Names and values lie within the text, and each entry takes some of it.
 */

#include "base/dotenv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(bytes_done) Bytes text = {0};
    DotenvEntry entry;
    Dotenv dotenv;

    assert(bytes_dup((BytesView){data, size}, &text) == 0);
    dotenv = (Dotenv){text.data, text.data + text.size, 1};
    for (;;) {
        const uint8_t *before = dotenv.at;

        if (dotenv_next(&dotenv, NULL, &entry) != 0 || !entry.name)
            return 0;
        assert(dotenv.at > before && dotenv.at <= dotenv.end);
        assert(strlen(entry.name) > 0 && entry.name < (const char *)entry.value.data);
        assert(entry.value.data + entry.value.size <= dotenv.end);
        assert(!memchr(entry.value.data, '\0', entry.value.size));
    }
}
