/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the history of a credential, in the store's ID.old.
 *
 * One that is accepted can be formatted, and is then the same.
 */

#include "store/history.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(store_history_done) StoreHistory history = {0}, again = {0};
    _cleanup_(bytes_done) Bytes text = {0};

    if (store_history_parse((BytesView){data, size}, NULL, &history) != 0)
        return 0;
    assert(history.count >= 2 && history.count <= STORE_HISTORY_VALUES);
    assert(store_history_format(&history, &text) == 0);
    if (text.size == 0) /* the text was larger than a file may be */
        return 0;
    assert(store_history_parse(bytes_view(&text), NULL, &again) == 0);
    for (size_t i = 0; i < again.count; i++) {
        const StoreValue *left = &history.values[i], *right = &again.values[i];

        assert(left->uid == right->uid && left->written == right->written);
        assert(strcmp(left->verb, right->verb) == 0);
        assert(bytes_view_equal(bytes_view(&left->sealed), bytes_view(&right->sealed)));
        assert(bytes_view_equal(bytes_view(&left->public), bytes_view(&right->public)));
    }
    return 0;
}
