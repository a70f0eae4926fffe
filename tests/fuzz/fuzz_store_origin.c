/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the origin of a commit, in the store's ".origin".
 *
 * An origin that is accepted is valid, and formatted to the same text.
 */

#include "store/store_internal.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char verb[STORE_VERB_BYTES], text[STORE_ORIGIN_BYTES];
    StoreOrigin origin;

    if (store_origin_parse((BytesView){data, size}, verb, &origin) != 0)
        return 0;
    assert(origin.verb == verb && store_verb_valid(verb));
    assert(origin.pid >= 0);
    store_origin_format(&origin, text);
    assert(strlen(text) == size && memcmp(text, data, size) == 0);
    return 0;
}
