/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Frames of the varlink protocol: messages, each ended by a NUL byte, on a stream socket.
 *
 * A FrameReader collects what comes until a message is whole, a FrameWriter what has to wait until
 * the socket takes it. Both are bounded, for one peer must not have all of the memory. What the
 * messages are is not their business (protocol/varlink.h). Works with blocking and non-blocking
 * sockets. https://varlink.org/Method-Call, "Wire format".
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Positive returns. */
enum {
    FRAME_BLOCKED = 1, /* the socket has nothing, or takes nothing, for now */
    FRAME_END = 2,     /* the peer has ended */
};

typedef struct FrameReader {
    uint8_t *data;
    size_t size;
    size_t capacity;
    size_t taken;   /* bytes of messages that have been handed out */
    size_t scanned; /* bytes behind those that hold no NUL */
    int passed;     /* a descriptor that came with them, plus one; 0: none */
} FrameReader;

/* A zeroed one is empty. */
void frame_reader_done(FrameReader *reader);

/* Reads once from FD. 0 if there is something new, FRAME_BLOCKED, FRAME_END; -EMSGSIZE if a message
 * is longer than LIMIT_FRAME_BYTES; -EPROTO for a second passed descriptor; a negative errno of the
 * socket, -ENOMEM. Messages that were handed out are gone. */
int frame_reader_read(FrameReader *reader, int fd);

/* The descriptor that came with what has been read, which is the caller's now; -1 if none did. */
int frame_reader_take_fd(FrameReader *reader);

/* The next whole message, without its NUL, borrowed until the next read; false if there is none. */
bool frame_reader_next(FrameReader *reader, BytesView *ret);

/* Whether nothing waits in it, not even the beginning of a message. */
static inline bool frame_reader_empty(const FrameReader *reader)
{
    return reader->taken == reader->size;
}

typedef struct FrameWriter {
    Writer writer;
    size_t sent; /* of the writer's bytes */
} FrameWriter;

void frame_writer_done(FrameWriter *writer);

/* Appends MESSAGE, which has no NUL in it. -ENOMEM; -EMSGSIZE if more than LIMIT_FRAME_BYTES would
 * wait. */
int frame_writer_add(FrameWriter *writer, BytesView message);

/* Sends what can be sent. 0 if nothing is left, FRAME_BLOCKED, FRAME_END, a negative errno. */
int frame_writer_send(FrameWriter *writer, int fd);

/* The same, and passes the descriptor PASSED with the first byte. */
int frame_writer_send_with(FrameWriter *writer, int fd, int passed);

static inline bool frame_writer_empty(const FrameWriter *writer)
{
    return writer->sent == writer->writer.bytes.size;
}
