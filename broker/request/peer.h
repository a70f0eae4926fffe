/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The other end of a connection, as the kernel describes it.
 */

#include "base/bytes.h"
#include "policy/address.h"

#include <sys/types.h>

typedef struct Peer {
    pid_t pid;                   /* 0 if unknown */
    uid_t uid;                   /* (uid_t)-1 if unknown */
    uint8_t path[ADDRESS_BYTES]; /* sun_path */
    size_t path_size;            /* 0 if the peer has no address */
} Peer;

/* Never fails: unknown members get values that nobody trusts. Works after the peer has closed the
 * connection. */
void peer_read(int fd, Peer *ret);

/* Whether there is something unread from the peer of FD. A service manager sends nothing. */
bool peer_has_sent(int fd);

/* Closes FD, also if the peer has sent something that takes long to close. */
void peer_close(int fd);
