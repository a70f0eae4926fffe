/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptors that a peer passes, and that take long to close.
 */

#include <stddef.h>

/* How long the last close() of a lingering socket takes, s. */
#define LINGER_SECONDS 20

/* Makes a TCP socket that lingers, since RET_PEER, its other end, reads nothing. */
int lingering_new(int *ret_peer);

/* Sends a byte through SOCKET, and COUNT descriptors with it, up to 253. */
void pass_fds(int socket, const int *fds, size_t count);
