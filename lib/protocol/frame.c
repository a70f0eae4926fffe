/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "protocol/frame.h"

#include "base/child.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
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

/* The most descriptors that one message has, the kernel's SCM_MAX_FD. With less room, the kernel
 * would close the others, and see child_close(). */
#define PASSED_MAX ((size_t)253)

/* A control message with room for all of them. */
typedef union FdMessage {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(PASSED_MAX * sizeof(int))];
} FdMessage;

/* Keeps a memfd that is alone, which close() does not wait for, and closes everything else. */
static int take_fds(FrameReader *reader, struct msghdr *message)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int r = message->msg_flags & MSG_CTRUNC ? -EPROTO : 0;
    int fds[PASSED_MAX];
    size_t count;

    if (!header || header->cmsg_type != SCM_RIGHTS)
        return r;
    count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(header), count * sizeof(int));
    if (r == 0 && count == 1 && reader->passed == 0 && fcntl(fds[0], F_GET_SEALS) >= 0) {
        reader->passed = fds[0] + 1;
        return 0;
    }
    child_close(fds, count);
    return -EPROTO;
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
                                 .msg_controllen = passed >= 0 ? CMSG_SPACE(sizeof(int)) : 0};
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
