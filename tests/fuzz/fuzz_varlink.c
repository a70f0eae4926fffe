/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: varlink messages, as a call and as a reply.
 *
 * A call that parses has a method that splits into interface and member, and writes to a message
 * that parses to the same method again.
 */

#include "protocol/varlink.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_call(const VarlinkCall *call)
{
    static const VarlinkField fields[] = {
        {"machine", json_type_string, true}, {"replace", json_type_boolean, true}, {0}};
    _cleanup_(json_object_putp) struct json_object *written = NULL;
    _cleanup_(varlink_call_done) VarlinkCall again = {0};
    _cleanup_(bytes_done) Bytes text = {0};
    size_t interface_size;
    const char *member = varlink_method_split(call->method, &interface_size);

    assert(interface_size + 1 + strlen(member) == strlen(call->method));
    if (!varlink_parameters_check(call->parameters, fields)) {
        (void)varlink_text(call->parameters, "machine");
        (void)varlink_flag(call->parameters, "replace");
    }
    written = varlink_call_new(call->method, json_object_get(call->parameters), call->more);
    assert(written && json_print(written, &text) == 0);
    assert(varlink_call_parse(bytes_view(&text), &again) == 0);
    assert(strcmp(again.method, call->method) == 0 && again.more == call->more);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(varlink_call_done) VarlinkCall call = {0};
    _cleanup_(varlink_reply_done) VarlinkReply reply = {0};
    BytesView message = {data, size};
    int r = varlink_call_parse(message, &call);

    assert(r == 0 || r == OUTCOME_MALFORMED);
    if (r == 0)
        check_call(&call);
    r = varlink_reply_parse(message, &reply);
    assert(r == 0 || r == OUTCOME_MALFORMED);
    return 0;
}
