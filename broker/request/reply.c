/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sending replies. See reply.h.
 */

#include "request/reply.h"

#include "base/limits.h"

#include <errno.h>
#include <sys/socket.h>

/* Sent repeatedly. It is never written to, so it takes no memory. */
#define ZEROS_BYTES  ((size_t)64 * 1024)
#define ZEROS_PIECES (LIMIT_REFUSAL_BYTES / ZEROS_BYTES + 1)
static const uint8_t zeros[ZEROS_BYTES];

/* Points PIECES at the rest of the reply. Returns how many there are. */
static size_t rest_of(const Reply *reply, struct iovec pieces[ZEROS_PIECES])
{
    size_t rest;
    size_t count = 0;

    if (reply->secret) {
        BytesView view = secret_view(reply->secret);

        pieces[0] =
            (struct iovec){(void *)(uintptr_t)(view.data + reply->sent), view.size - reply->sent};
        return pieces[0].iov_len ? 1 : 0;
    }
    rest = LIMIT_REFUSAL_BYTES - reply->sent;
    while (rest) {
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

    for (;;) {
        ssize_t n;

        message.msg_iovlen = rest_of(reply, pieces);
        if (message.msg_iovlen == 0)
            return REPLY_DONE;
        n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n >= 0)
            reply->sent += (size_t)n;
        else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
            return REPLY_BLOCKED;
        else if (errno != EINTR)
            return REPLY_GONE;
    }
}
