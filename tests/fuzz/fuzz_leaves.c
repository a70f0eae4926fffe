/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the leaves of a statement, statement.hosts in a fleet's repository.
 *
 * Those that parse have sorted names, and there is no other text for them.
 */

#include "fleet/signing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(freep) char *text = strndup((const char *)data, size);
    _cleanup_(freep) KnownLeaf *leaves = NULL;
    _cleanup_(writer_done) Writer again = {0};
    size_t count = 0, length = strlen(text);

    for (size_t i = 0; i < length; i++)
        count += data[i] == '\n';
    leaves = calloc(count + 1, sizeof(leaves[0]));
    assert(leaves);
    if (!leaves_parse(text, leaves, count))
        return 0;
    for (size_t i = 0; i < count; i++)
        assert(fleet_host_name_valid(leaves[i].host));
    known_leaves_write(&again, "", &(KnownLeaves){leaves, count});
    assert(again.bytes.size == length &&
           (length == 0 || memcmp(again.bytes.data, data, length) == 0));
    return 0;
}
