/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the origin of a commit, in the store's ".origin".
 *
 * An origin that is accepted is valid, and stays the same when it is formatted and parsed.
 */

#include "store/store_internal.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char verb[STORE_VERB_BYTES], verb_again[STORE_VERB_BYTES];
    _cleanup_(bytes_done) Bytes text = {0};
    StoreOrigin origin, again;

    if (store_origin_parse((BytesView){data, size}, verb, &origin) != 0)
        return 0;
    assert(origin.verb == verb && store_verb_valid(verb));
    assert(origin.pid >= 0);
    assert(store_origin_format(&origin, &text) == 0);
    assert(text.size <= STORE_ORIGIN_BYTES);
    assert(store_origin_parse(bytes_view(&text), verb_again, &again) == 0);
    assert(strcmp(verb, verb_again) == 0);
    assert(origin.uid == again.uid && origin.pid == again.pid);
    return 0;
}
