/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sends a reply to the service manager: a secret or a refusal.
 *
 * The protocol has no error reply (systemd.exec(5), LoadCredential=). Everything up to the end of
 * the stream is the credential, and nothing is an empty credential, with which the unit starts. So
 * a refusal is zeros, more than the peer accepts, which makes the manager fail the unit. The zeros
 * need no memory.
 *
 * A partial reply of either kind does harm, so a connection is closed only after the whole reply,
 * or when the peer has closed it.
 */

#include "request/peer.h"
#include "secret/secret.h"

#include <stdbool.h>

typedef struct Reply {
    const Secret *secret; /* borrowed; NULL for a refusal */
    size_t refusal_bytes; /* see reply_refusal_bytes() */
    size_t sent;
} Reply;

/* Size of a refusal to PEER, which came from a LIVE socket or the host's. The service manager fails
 * a unit with more than LIMIT_REFUSAL_BYTES. A peer of the host's socket that does not have the
 * service manager's address is another program of root's; it gets LIMIT_FOREIGN_REFUSAL_BYTES. On a
 * live socket nobody does, because a container's root could make the broker send that much. */
size_t reply_refusal_bytes(const Peer *peer, bool live);

enum {
    REPLY_DONE = 0,
    REPLY_BLOCKED = 1, /* there is more: call again when the socket is writable */
    REPLY_GONE = 2,    /* the peer has closed the connection */
};

/* Sends as much as the socket takes without blocking, but little more than a secret may have, so
 * that other connections get their turn. Allocates nothing. */
int reply_step(Reply *reply, int fd);
