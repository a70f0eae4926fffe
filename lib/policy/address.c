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

int address_parse(BytesView path, Reason *reason, RequestAddress *ret)
{
    char text[ADDRESS_BYTES] = "", *rest = text;
    const char *number, *keyword, *unit;

    if (path.size == 0)
        return reason_set(reason, OUTCOME_INVALID_ADDRESS,
                          "the peer has no address, so it is not the service manager, which gives "
                          "credentials to units with LoadCredential=");
    if (path.size > ADDRESS_BYTES)
        return refuse(reason, path, "is too long");
    if (path.data[0] != 0)
        return refuse(reason, path, "is not in the abstract namespace");
    memcpy(text, path.data + 1, path.size - 1);
    number = strsep(&rest, "/");
    if (!rest || number[0] == '\0' || strlen(number) > HEX_DIGITS_MAX ||
        number[strspn(number, "0123456789abcdef")] != '\0')
        return refuse(reason, path, "does not begin with a number and a slash");
    keyword = strsep(&rest, "/");
    if (!rest || strcmp(keyword, "unit") != 0)
        return refuse(reason, path, "does not name a unit");
    unit = strsep(&rest, "/");
    if (!rest || !unit_name_valid(unit))
        return refuse(reason, path, "contains an invalid unit name");
    /* nothing comes after a NUL */
    if (rest + strlen(rest) != text + path.size - 1 || !credential_id_valid(rest))
        return refuse(reason, path, "contains an invalid credential id");
    strcpy(ret->unit, unit);
    strcpy(ret->id, rest);
    return 0;
}
