/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Frames. See frame.h.
 */

#include "protocol/frame.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The buffer's first size; it grows by doubling. */
#define FIRST_BYTES ((size_t)4096)

void frame_reader_done(FrameReader *reader)
{
    free(reader->data);
    close_keep_errno(reader->passed - 1);
    *reader = (FrameReader){0};
}

/* Drops the messages that were returned. */
static void compact(FrameReader *reader)
{
    if (reader->taken == 0)
        return;
    reader->size -= reader->taken;
    memmove(reader->data, reader->data + reader->taken, reader->size);
    reader->taken = 0;
}

/* Makes room for at least one more byte. */
static int make_room(FrameReader *reader)
{
    size_t capacity = reader->capacity > 0 ? reader->capacity * 2 : FIRST_BYTES;
    uint8_t *data;

    if (reader->size < reader->capacity)
        return 0;
    if (reader->size > LIMIT_FRAME_BYTES)
        return -EMSGSIZE;
    data = realloc(reader->data, capacity);
    if (!data)
        return -ENOMEM;
    reader->data = data;
    reader->capacity = capacity;
    return 0;
}

static int result_of(ssize_t n)
{
    if (n >= 0)
        return 0;
    if (errno == EAGAIN)
        return FRAME_BLOCKED;
    return errno == EPIPE || errno == ECONNRESET ? FRAME_END : -errno;
}

int frame_reader_take_fd(FrameReader *reader)
{
    int fd = reader->passed - 1;

    reader->passed = 0;
    return fd;
}

/* A control message with room for one descriptor; the kernel fits two into its padding. */
typedef union FdMessage {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
} FdMessage;

/* Keeps the first descriptor and closes others. */
static int take_fds(FrameReader *reader, struct msghdr *message)
{
    int r = message->msg_flags & MSG_CTRUNC ? -EPROTO : 0;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
         header = CMSG_NXTHDR(message, header)) {
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < count; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
            if (reader->passed > 0) {
                close(fd);
                r = -EPROTO;
            } else {
                reader->passed = fd + 1;
            }
        }
    }
    return r;
}

int frame_reader_read(FrameReader *reader, int fd)
{
    struct iovec room;
    FdMessage passed;
    struct msghdr message = {.msg_iov = &room,
                             .msg_iovlen = 1,
                             .msg_control = &passed,
                             .msg_controllen = sizeof(passed)};
    ssize_t n;
    int r;

    compact(reader);
    if (reader->scanned > LIMIT_FRAME_BYTES)
        return -EMSGSIZE;
    r = make_room(reader);
    if (r != 0)
        return r;
    room = (struct iovec){reader->data + reader->size, reader->capacity - reader->size};
    do
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return FRAME_END;
    r = result_of(n);
    if (r != 0)
        return r;
    reader->size += (size_t)n;
    return take_fds(reader, &message);
}

bool frame_reader_next(FrameReader *reader, BytesView *ret)
{
    size_t begin = reader->taken + reader->scanned, rest = reader->size - begin;
    const uint8_t *end = rest > 0 ? memchr(reader->data + begin, '\0', rest) : NULL;

    if (!end) {
        reader->scanned += rest;
        return false;
    }
    *ret =
        (BytesView){reader->data + reader->taken, (size_t)(end - (reader->data + reader->taken))};
    reader->taken += ret->size + 1;
    reader->scanned = 0;
    return true;
}

void frame_writer_done(FrameWriter *writer)
{
    writer_done(&writer->writer);
    writer->sent = 0;
}

int frame_writer_add(FrameWriter *writer, BytesView message)
{
    static const uint8_t end = '\0';
    Bytes *bytes = &writer->writer.bytes;

    if (writer->sent > 0) {
        bytes->size -= writer->sent;
        memmove(bytes->data, bytes->data + writer->sent, bytes->size);
        writer->sent = 0;
    }
    if (bytes->size + message.size > LIMIT_FRAME_BYTES)
        return -EMSGSIZE;
    writer_bytes(&writer->writer, message);
    writer_bytes(&writer->writer, (BytesView){&end, 1});
    return writer->writer.failed ? -ENOMEM : 0;
}

int frame_writer_send(FrameWriter *writer, int fd)
{
    while (!frame_writer_empty(writer)) {
        const Bytes *bytes = &writer->writer.bytes;
        ssize_t n = send(fd, bytes->data + writer->sent, bytes->size - writer->sent, MSG_NOSIGNAL);
        int r = n < 0 && errno == EINTR ? 0 : result_of(n);

        if (r != 0)
            return r;
        if (n > 0)
            writer->sent += (size_t)n;
    }
    frame_writer_done(writer);
    return 0;
}

int frame_writer_send_with(FrameWriter *writer, int fd, int passed)
{
    const Bytes *bytes = &writer->writer.bytes;
    struct iovec text = {bytes->data, bytes->size};
    FdMessage control = {.header = {.cmsg_level = SOL_SOCKET,
                                    .cmsg_type = SCM_RIGHTS,
                                    .cmsg_len = CMSG_LEN(sizeof(int))}};
    struct msghdr message = {.msg_iov = &text,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n;
    int r;

    memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
    do
        n = sendmsg(fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    r = result_of(n);
    if (r != 0)
        return r;
    writer->sent = (size_t)n;
    return frame_writer_send(writer, fd);
}
