/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The service manager's peer address: who asks, and for what.
 *
 * For LoadCredential=ID:SOCKET the manager binds its end, before it connects, to an address in the
 * abstract namespace (systemd.exec(5)):
 *
 *     NUL HEX "/unit/" UNIT "/" ID
 *
 * HEX is a random number, 1 to 16 lower-case hexadecimal digits; the rest is the manager's word,
 * for only root can reach the socket. Anything that is not exactly this is refused.
 *
 * Pure: bytes in, names out. What a unit may have is decided in policy/decision.h.
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* The bytes of sun_path (unix(7)), the NUL in front included. */
#define ADDRESS_BYTES ((size_t)108)

/* Both are NUL-terminated and printable ASCII. */
typedef struct RequestAddress {
    char unit[ADDRESS_BYTES + 1]; /* a unit name with its suffix */
    char id[ADDRESS_BYTES + 1];   /* a valid credential id */
} RequestAddress;

/* PATH is sun_path as the kernel gives it, without the family, as long as it says.
 * OUTCOME_INVALID_ADDRESS, with the address made printable in REASON. */
int address_parse(BytesView path, Reason *reason, RequestAddress *ret);
