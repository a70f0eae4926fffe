/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "policy/address.h"

#include "base/names.h"

#include <stdio.h>
#include <string.h>

/* The service manager's random number has 64 bits and is not padded. */
#define HEX_DIGITS_MAX ((size_t)16)

/* How much of a foreign address a reason quotes; each byte may become "\xff". */
#define SHOWN_BYTES    ((size_t)48)

static int refuse(Reason *reason, BytesView path, const char *rule)
{
    char shown[SHOWN_BYTES * 4 + 1] = "";
    size_t count = path.size < SHOWN_BYTES ? path.size : SHOWN_BYTES;
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        uint8_t byte = path.data[i];
        bool plain = byte > ' ' && byte <= '~' && byte != '\\' && byte != '"';

        /* "@" for the first NUL, like ss(8) and systemd */
        if (byte == 0 && i == 0)
            shown[used++] = '@';
        else if (plain)
            shown[used++] = (char)byte;
        else
            used += (size_t)snprintf(shown + used, 5, "\\x%02x", byte);
    }
    shown[used] = '\0';
    return reason_set(reason, OUTCOME_INVALID_ADDRESS, "the peer's address \"%s%s\" %s", shown,
                      count < path.size ? "…" : "", rule);
}

/* Takes the text up to the next slash, and skips the slash; false if there is none. */
static bool take_part(Reader *reader, BytesView *ret)
{
    BytesView rest = reader->rest;
    const uint8_t *slash = rest.size ? memchr(rest.data, '/', rest.size) : NULL;

    if (!slash)
        return false;
    *ret = reader_take(reader, (size_t)(slash - rest.data));
    reader_take(reader, 1);
    return true;
}

static bool is_hex(BytesView part)
{
    if (part.size == 0 || part.size > HEX_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < part.size; i++) {
        uint8_t byte = part.data[i];

        if (!(byte >= '0' && byte <= '9') && !(byte >= 'a' && byte <= 'f'))
            return false;
    }
    return true;
}

/* Copies to TEXT, which has ADDRESS_BYTES and one more; false if there is a NUL. */
static bool to_text(BytesView part, char *text)
{
    if (part.size > ADDRESS_BYTES || (part.size && memchr(part.data, 0, part.size)))
        return false;
    if (part.size)
        memcpy(text, part.data, part.size);
    text[part.size] = '\0';
    return true;
}

int address_parse(BytesView path, Reason *reason, RequestAddress *ret)
{
    static const BytesView keyword = {(const uint8_t *)"unit", 4};
    Reader reader = reader_new(path);
    RequestAddress address = {0};
    BytesView part;

    if (path.size == 0)
        return reason_set(reason, OUTCOME_INVALID_ADDRESS,
                          "the peer has no address, so it is not the service manager, which gives "
                          "credentials to units with LoadCredential=");
    if (path.size > ADDRESS_BYTES)
        return refuse(reason, path, "is too long");
    part = reader_take(&reader, 1);
    if (part.size != 1 || part.data[0] != 0)
        return refuse(reason, path, "is not in the abstract namespace");
    if (!take_part(&reader, &part) || !is_hex(part))
        return refuse(reason, path, "does not begin with a number and a slash");
    if (!take_part(&reader, &part) || !bytes_view_equal(part, keyword))
        return refuse(reason, path, "does not name a unit");
    if (!take_part(&reader, &part) || !to_text(part, address.unit) ||
        !unit_name_valid(address.unit))
        return refuse(reason, path, "contains an invalid unit name");
    if (!to_text(reader.rest, address.id) || !credential_id_valid(address.id))
        return refuse(reason, path, "contains an invalid credential id");
    *ret = address;
    return 0;
}
