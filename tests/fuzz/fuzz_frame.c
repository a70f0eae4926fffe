/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: frames, cut into pieces as a socket may do.
 *
 * The first byte is the size of the pieces. The reader must return the messages between the NUL
 * bytes, in order and complete, for any size; and the writer must make the same bytes from them.
 */

#include "base/limits.h"
#include "protocol/frame.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

/* What a socket takes at once for certain. */
#define INPUT_MAX ((size_t)16 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes all that is whole, and moves AT behind it. */
static void take(FrameReader *reader, BytesView input, size_t *at, FrameWriter *writer)
{
    BytesView message;

    while (frame_reader_next(reader, &message)) {
        assert(*at + message.size < input.size && input.data[*at + message.size] == '\0');
        assert(message.size == 0 || memcmp(message.data, input.data + *at, message.size) == 0);
        assert(!memchr(message.data, '\0', message.size));
        assert(frame_writer_add(writer, message) == 0);
        *at += message.size + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    _cleanup_(frame_writer_done) FrameWriter writer = {0};
    size_t piece = size > 0 ? data[0] + 1U : 1, at = 0;
    BytesView input = {data + 1, size - 1};
    int ends[2];

    if (size == 0 || size > INPUT_MAX)
        return 0;
    assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    for (size_t sent = 0; sent < input.size;) {
        size_t n = input.size - sent < piece ? input.size - sent : piece;

        assert(send(ends[0], input.data + sent, n, MSG_NOSIGNAL) == (ssize_t)n);
        sent += n;
        while (frame_reader_read(&reader, ends[1]) == 0)
            take(&reader, input, &at, &writer);
    }
    assert(!memchr(input.data + at, '\0', input.size - at));
    assert(frame_reader_empty(&reader) == (at == input.size));
    assert(writer.writer.bytes.size == at);
    assert(at == 0 || memcmp(writer.writer.bytes.data, input.data, at) == 0);
    close(ends[0]);
    close(ends[1]);
    return 0;
}
