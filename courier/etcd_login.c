/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "etcd_login.h"

#include "base/json.h"

#include <assert.h>
#include <string.h>

/* What json-c prints in the place of the password, and after it. */
static const char end[] = "\"\"}";

/* The longest form of a byte: "\u00XX". */
#define ESCAPED_BYTES ((size_t)6)

/* Writes C as it is in a JSON string (RFC 8259, section 7). */
static void add_escaped(Writer *writer, uint8_t c)
{
    static const char digits[] = "0123456789abcdef";

    if (c >= ' ' && c != '"' && c != '\\') {
        writer_bytes(writer, (BytesView){&c, 1});
        return;
    }
    writer_text(writer, "\\u00");
    writer_bytes(writer, (BytesView){(const uint8_t *)&digits[c >> 4], 1});
    writer_bytes(writer, (BytesView){(const uint8_t *)&digits[c & 0xf], 1});
}

int etcd_login_body(const char *user, BytesView password, Reason *reason, Secret **ret)
{
    _cleanup_(json_object_putp) struct json_object *object = json_object_new_object();
    _cleanup_(secret_freep) Secret *body = NULL;
    _cleanup_(bytes_done) Bytes around = {0};
    Writer writer;
    size_t before;
    int r;

    json_add_text(object, "name", user);
    json_add_text(object, "password", "");
    r = json_print(object, &around);
    if (r == 0)
        r = secret_new(around.size + ESCAPED_BYTES * password.size, reason, &body);
    if (r != 0)
        return r;
    before = around.size - (sizeof(end) - 1);
    assert(memcmp(around.data + before, end, sizeof(end) - 1) == 0);
    writer = writer_into(secret_borrow(body), secret_size(body));
    writer_bytes(&writer, (BytesView){around.data, before + 1});
    for (size_t i = 0; i < password.size; i++)
        add_escaped(&writer, password.data[i]);
    writer_text(&writer, end + 1);
    assert(!writer.failed);
    secret_truncate(body, writer.bytes.size);
    *ret = TAKE_PTR(body);
    return 0;
}
