/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Frames of the varlink protocol: messages on a stream socket, each followed by a NUL byte.
 *
 * A FrameReader collects bytes until a message is complete; a FrameWriter holds those that the
 * socket does not take yet. Both are bounded, so that no peer can use up the memory. Neither knows
 * what messages contain (see protocol/varlink.h); a reader leaves no copies of them, because a peer
 * may send a secret in clear by mistake. Sockets may be blocking or not.
 * https://varlink.org/Method-Call, "Wire format".
 */

#include "base/bytes.h"
#include "base/outcome.h"

/* Positive returns. */
enum {
    FRAME_BLOCKED = 1, /* the socket has no data, or no room, for now */
    FRAME_END = 2,     /* the peer has closed the connection */
};

typedef struct FrameReader {
    Writer writer;
    size_t taken;   /* bytes of messages that were returned */
    size_t scanned; /* bytes after those, known to contain no NUL */
    int passed;     /* a memfd that came with them, plus one; 0 for none */
} FrameReader;

/* A zeroed FrameReader is empty. */
void frame_reader_done(FrameReader *reader);

/* Reads once from FD; messages that were returned become invalid. Returns 0 for new data,
 * FRAME_BLOCKED, FRAME_END, -EMSGSIZE if a message is longer than LIMIT_FRAME_BYTES, -EPROTO for a
 * second descriptor or one that is not a memfd, or another negative errno. */
int frame_reader_read(FrameReader *reader, int fd);

/* The memfd that came with the data, or -1. The caller now owns it. */
int frame_reader_take_fd(FrameReader *reader);

/* Gets the next complete message without its NUL, borrowed until the next read. Returns false if
 * there is none. */
bool frame_reader_next(FrameReader *reader, BytesView *ret);

/* Whether it contains nothing, not even the beginning of a message. */
static inline bool frame_reader_empty(const FrameReader *reader)
{
    return reader->taken == reader->writer.bytes.size;
}

typedef struct FrameWriter {
    Writer writer;
    size_t sent; /* of the writer's bytes */
} FrameWriter;

void frame_writer_done(FrameWriter *writer);

/* Appends MESSAGE, which must not contain a NUL. Returns 0, -ENOMEM, or -EMSGSIZE if more than
 * LIMIT_FRAME_BYTES would wait. */
int frame_writer_add(FrameWriter *writer, BytesView message);

/* Sends as much as the socket takes, and the descriptor PASSED (-1: none) with the first byte.
 * Returns 0 if nothing is left, FRAME_BLOCKED, FRAME_END, or a negative errno. */
int frame_writer_send(FrameWriter *writer, int fd, int passed);

static inline bool frame_writer_empty(const FrameWriter *writer)
{
    return writer->sent == writer->writer.bytes.size;
}
