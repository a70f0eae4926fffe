/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "protocol/frame.h"

#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* How much is read at a time. */
#define READ_BYTES ((size_t)64 * 1024)

void frame_reader_done(FrameReader *reader)
{
    writer_done(&reader->writer);
    close_keep_errno(reader->passed - 1);
    *reader = (FrameReader){0};
}

/* Drops the first SIZE bytes. */
static void drop(Writer *writer, size_t *size)
{
    writer->bytes.size -= *size;
    if (*size > 0) {
        memmove(writer->bytes.data, writer->bytes.data + *size, writer->bytes.size);
        explicit_bzero(writer->bytes.data + writer->bytes.size, *size);
    }
    *size = 0;
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
    uint8_t bytes[READ_BYTES];
    FdMessage passed;
    struct msghdr message = {.msg_iov = &(struct iovec){bytes, sizeof(bytes)},
                             .msg_iovlen = 1,
                             .msg_control = &passed,
                             .msg_controllen = sizeof(passed)};
    ssize_t n;
    int r;

    reader->writer.wipes = true;
    drop(&reader->writer, &reader->taken);
    if (reader->scanned > LIMIT_FRAME_BYTES)
        return -EMSGSIZE;
    do
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return FRAME_END;
    r = result_of(n);
    if (r != 0)
        return r;
    writer_bytes(&reader->writer, (BytesView){bytes, (size_t)n});
    explicit_bzero(bytes, (size_t)n);
    r = take_fds(reader, &message);
    return reader->writer.failed ? -ENOMEM : r;
}

bool frame_reader_next(FrameReader *reader, BytesView *ret)
{
    const Bytes *bytes = &reader->writer.bytes;
    size_t begin = reader->taken + reader->scanned, rest = bytes->size - begin;
    const uint8_t *end = rest > 0 ? memchr(bytes->data + begin, '\0', rest) : NULL;

    if (!end) {
        reader->scanned += rest;
        return false;
    }
    ret->data = bytes->data + reader->taken;
    ret->size = (size_t)(end - ret->data);
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

    drop(&writer->writer, &writer->sent);
    if (writer->writer.bytes.size + message.size > LIMIT_FRAME_BYTES)
        return -EMSGSIZE;
    writer_bytes(&writer->writer, message);
    writer_bytes(&writer->writer, (BytesView){&end, 1});
    return writer->writer.failed ? -ENOMEM : 0;
}

int frame_writer_send(FrameWriter *writer, int fd, int passed)
{
    const Bytes *bytes = &writer->writer.bytes;
    FdMessage control = {.header = {.cmsg_level = SOL_SOCKET,
                                    .cmsg_type = SCM_RIGHTS,
                                    .cmsg_len = CMSG_LEN(sizeof(int))}};

    memcpy(CMSG_DATA(&control.header), &passed, sizeof(passed));
    while (!frame_writer_empty(writer)) {
        struct iovec text = {bytes->data + writer->sent, bytes->size - writer->sent};
        struct msghdr message = {.msg_iov = &text,
                                 .msg_iovlen = 1,
                                 .msg_control = passed >= 0 ? &control : NULL,
                                 .msg_controllen = passed >= 0 ? sizeof(control) : 0};
        ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL);
        int r = n < 0 && errno == EINTR ? 0 : result_of(n);

        if (r != 0)
            return r;
        if (n > 0) {
            writer->sent += (size_t)n;
            passed = -1;
        }
    }
    frame_writer_done(writer);
    return 0;
}
