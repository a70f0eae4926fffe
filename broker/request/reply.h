/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sending an answer: a whole secret, or a whole refusal.
 *
 * The protocol has no way to say no (systemd.exec(5), LoadCredential=): what is read until the end
 * is the credential, and nothing at all is an empty one, with which the unit starts. A refusal is
 * therefore more bytes than a unit may have, LIMIT_REFUSAL_BYTES of zeros, upon which the manager
 * fails the unit. It is sent from one page of zeros and takes no memory.
 *
 * A part of either is worse than nothing: a connection is closed when its delivery is done, or when
 * the peer has hung up, never before.
 */

#include "secret/secret.h"

typedef struct Reply {
    const Secret *secret; /* borrowed; NULL for a refusal */
    size_t sent;
} Reply;

enum {
    REPLY_DONE = 0,
    REPLY_BLOCKED = 1, /* call again when the socket is writable */
    REPLY_GONE = 2,    /* the peer has hung up */
};

/* Sends as much as the socket takes without waiting; allocates nothing. */
int reply_step(Reply *reply, int fd);
