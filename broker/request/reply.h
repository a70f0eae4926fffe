/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sends a reply to the service manager: a secret or a refusal.
 *
 * The protocol has no error reply (systemd.exec(5), LoadCredential=). Everything up to the end of
 * the stream is the credential, and nothing is an empty credential, with which the unit starts. So
 * a refusal is LIMIT_REFUSAL_BYTES of zeros, more than a unit may have, which makes the manager
 * fail the unit. The zeros need no memory.
 *
 * A partial reply of either kind does harm, so a connection is closed only after the whole reply,
 * or when the peer has closed it.
 */

#include "secret/secret.h"

typedef struct Reply {
    const Secret *secret; /* borrowed; NULL for a refusal */
    size_t sent;
} Reply;

enum {
    REPLY_DONE = 0,
    REPLY_BLOCKED = 1, /* call again when the socket is writable */
    REPLY_GONE = 2,    /* the peer has closed the connection */
};

/* Sends as much as the socket takes without blocking. Allocates nothing. */
int reply_step(Reply *reply, int fd);
