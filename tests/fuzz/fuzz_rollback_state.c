/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the rollback state of a host.
 *
 * One that is accepted can be formatted, and is then the same, byte by byte. Since no fuzzer finds
 * a MAC, the lines before it are tried with the right one, too.
 */

#include "store/rollback_state.h"

#include <assert.h>
#include <sodium.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Secret *key;

static void parse(BytesView text)
{
    char again[LIMIT_ROLLBACK_BYTES];
    RollbackState state;

    if (rollback_state_parse(text, key, NULL, &state) != 0)
        return;
    assert(state.fleet_count <= LIMIT_ROLLBACK_FLEETS && rollback_counter_valid(state.counter));
    rollback_state_format(&state, key, again);
    assert(bytes_view_equal(text, text_view(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t bytes[ROLLBACK_KEY_BYTES];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    _cleanup_(writer_done) Writer writer = {0};
    char hex[2 * sizeof(mac) + 1];

    if (!key &&
        (sodium_init() < 0 || secret_new_from((BytesView){bytes, sizeof(bytes)}, NULL, &key) != 0))
        return 0;
    parse((BytesView){data, size});
    crypto_auth_hmacsha256(mac, data, size, bytes);
    sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
    writer_bytes(&writer, (BytesView){data, size});
    writer_text(&writer, "mac ");
    writer_text(&writer, hex);
    writer_text(&writer, "\n");
    assert(!writer.failed);
    parse(bytes_view(&writer.bytes));
    return 0;
}
