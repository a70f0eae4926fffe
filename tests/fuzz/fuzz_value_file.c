/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: files of names and values. The first byte says which reader gets the rest.
 *
 * Names and values lie within the text, and each entry takes some of it.
 */

#include "base/value_file.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(bytes_done) Bytes text = {0};
    ValueEntry entry;
    ValueFile file;
    int r;

    if (size == 0)
        return 0;
    assert(bytes_dup((BytesView){data + 1, size - 1}, &text) == 0);
    file = (ValueFile){.at = text.data, .end = text.data + text.size, .line = 1};
    for (;;) {
        const uint8_t *before = file.at;

        r = data[0] == 'j'   ? value_file_next_json(&file, NULL, &entry)
            : data[0] == 'y' ? value_file_next_yaml(&file, NULL, &entry)
                             : value_file_next_dotenv(&file, NULL, &entry);
        if (r != 0 || !entry.name)
            return 0;
        assert(file.at > before && file.at <= file.end);
        assert(entry.name < (const char *)entry.value.data);
        assert(entry.name + strlen(entry.name) < (const char *)file.end);
        assert(entry.value.data + entry.value.size <= file.end);
        assert(!memchr(entry.value.data, '\0', entry.value.size));
    }
}
