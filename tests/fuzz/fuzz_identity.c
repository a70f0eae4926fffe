/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: host identities, JSON or bare.
 *
 * An identity that parses must write to JSON that parses to the same JSON again, and must have a
 * key to seal to. If it does not parse, the reason has no control characters.
 */

#include "base/json.h"
#include "credential/identity.h"
#include "reason.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const Identity *identity)
{
    _cleanup_(json_object_putp) struct json_object *first = identity_to_json(identity);
    _cleanup_(json_object_putp) struct json_object *second = NULL;
    _cleanup_(identity_done) Identity again = {0};
    const char *text = first ? json_object_to_json_string(first) : NULL;
    BytesView view = {(const uint8_t *)text, text ? strlen(text) : 0};

    assert(text && identity_parse(view, NULL, &again) == 0);
    second = identity_to_json(&again);
    assert(second && strcmp(text, json_object_to_json_string(second)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(identity_done) Identity identity = {0};
    Reason reason = {0};
    int r = identity_parse((BytesView){data, size}, &reason, &identity);

    assert(r == 0 || r == OUTCOME_BAD_IDENTITY);
    check_reason(r, &reason);
    if (r != 0)
        return 0;
    assert(identity.srk.size + identity.legacy_ecc.size + identity.legacy_rsa.size > 0);
    check_round_trip(&identity);
    return 0;
}
