/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The service manager's peer address, which says who asks for what.
 *
 * For LoadCredential=ID:SOCKET the service manager binds its end of the connection to an address in
 * the abstract namespace (systemd.exec(5)):
 *
 *     NUL HEX "/unit/" UNIT "/" ID
 *
 * HEX is a random number, 1 to 16 lower-case hexadecimal digits. The rest is reliable, because only
 * root can connect to the socket. Anything else is refused.
 *
 * Pure. policy/decision.h decides what a unit may have.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Size of sun_path (unix(7)), including the leading NUL. */
#define ADDRESS_BYTES ((size_t)108)

/* Both strings are printable ASCII. */
typedef struct RequestAddress {
    char unit[ADDRESS_BYTES + 1]; /* a unit name with its suffix */
    char id[ADDRESS_BYTES + 1];   /* a valid credential id */
} RequestAddress;

/* Parses PATH, sun_path as returned by the kernel, with its length. OUTCOME_INVALID_ADDRESS; REASON
 * then contains the address in printable form. */
int address_parse(BytesView path, Reason *reason, RequestAddress *ret);
