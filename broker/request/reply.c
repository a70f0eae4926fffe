/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "request/reply.h"

#include "base/limits.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

/* Sent repeatedly. It is never written to, so it takes no memory. */
#define ZEROS_BYTES  ((size_t)64 * 1024)
#define ZEROS_PIECES (LIMIT_REFUSAL_BYTES / ZEROS_BYTES)
static const uint8_t zeros[ZEROS_BYTES];

/* The kernel sends nothing at all of more pieces, and a connection that is closed then has an empty
 * credential. */
_Static_assert(ZEROS_PIECES <= IOV_MAX, "one call must be able to send them");

size_t reply_refusal_bytes(const Peer *peer, bool live)
{
    BytesView path = {peer->path, peer->path_size};
    RequestAddress address;

    return live || address_parse(path, NULL, &address) == 0 ? LIMIT_REFUSAL_BYTES
                                                            : LIMIT_FOREIGN_REFUSAL_BYTES;
}

/* Points PIECES at what comes next of the reply. Returns how many there are. */
static size_t next_of(const Reply *reply, struct iovec pieces[ZEROS_PIECES])
{
    size_t rest;
    size_t count = 0;

    if (reply->secret) {
        BytesView view = secret_view(reply->secret);

        pieces[0] =
            (struct iovec){(void *)(uintptr_t)(view.data + reply->sent), view.size - reply->sent};
        return pieces[0].iov_len ? 1 : 0;
    }
    rest = reply->refusal_bytes - reply->sent;
    while (rest && count < ZEROS_PIECES) {
        size_t size = rest < ZEROS_BYTES ? rest : ZEROS_BYTES;

        pieces[count++] = (struct iovec){(void *)(uintptr_t)zeros, size};
        rest -= size;
    }
    return count;
}

int reply_step(Reply *reply, int fd)
{
    struct iovec pieces[ZEROS_PIECES];
    struct msghdr message = {.msg_iov = pieces};
    size_t turn = reply->sent + ZEROS_PIECES * ZEROS_BYTES;

    assert(reply->secret || reply->refusal_bytes);
    while ((message.msg_iovlen = next_of(reply, pieces)) > 0) {
        ssize_t n;

        if (reply->sent >= turn)
            return REPLY_BLOCKED;
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0)
            reply->sent += (size_t)n;
        else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
            return REPLY_BLOCKED;
        else if (errno != EINTR)
            return REPLY_GONE;
    }
    return REPLY_DONE;
}
