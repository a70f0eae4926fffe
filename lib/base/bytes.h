/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bounded reading and writing of bytes. All binary input is parsed with it.
 *
 * Bytes owns a buffer, BytesView borrows one. A Reader reads from a view, and a Writer appends to a
 * Bytes. Both remember failures (too short; out of memory), after which further calls do nothing.
 * So a parser can read a whole header and check once.
 *
 * Not for secrets, except for writer_into(): see secret/secret.h.
 */

#include "base/cleanup.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Bytes {
    uint8_t *data;
    size_t size;
} Bytes;

typedef struct BytesView {
    const uint8_t *data;
    size_t size;
} BytesView;

void bytes_done(Bytes *bytes); /* frees and empties; for _cleanup_ */

static inline BytesView bytes_view(const Bytes *bytes)
{
    return (BytesView){bytes->data, bytes->size};
}

/* TEXT without its NUL. */
static inline BytesView text_view(const char *text)
{
    return (BytesView){(const uint8_t *)text, strlen(text)};
}

/* Copies; -ENOMEM. */
int bytes_dup(BytesView view, Bytes *ret);

bool bytes_view_equal(BytesView a, BytesView b);

/* --- Reader --- */

typedef struct Reader {
    BytesView rest; /* not read yet */
    size_t offset;  /* bytes read so far */
    bool failed;    /* a read reached past the end */
} Reader;

Reader reader_new(BytesView view);

/* Integers, little-endian (credential headers) and big-endian (TPM structures). 0 past the end. */
uint16_t reader_u16le(Reader *reader);
uint32_t reader_u32le(Reader *reader);
uint64_t reader_u64le(Reader *reader);
uint16_t reader_u16be(Reader *reader);
uint32_t reader_u32be(Reader *reader);

/* The next SIZE bytes, borrowed; {NULL, 0} past the end. */
BytesView reader_take(Reader *reader, size_t size);

/* The next string of SSH's wire format: a number of bytes, u32be, and as many bytes. Borrowed. */
BytesView reader_string(Reader *reader);

/* Skips to the next multiple of ALIGNMENT, counted from the start. Fails and returns false if a
 * skipped byte is not zero or the end comes first. */
bool reader_skip_padding(Reader *reader, size_t alignment);

/* --- Writer --- */

typedef struct Writer {
    Bytes bytes;
    size_t capacity;
    bool fixed;  /* the bytes are borrowed, see writer_into() */
    bool wipes;  /* memory that is given up is wiped */
    bool failed; /* out of memory, or of room */
} Writer;

/* Writes to BUFFER, which is borrowed and does not grow. For secrets: it leaves no copies. */
static inline Writer writer_into(void *buffer, size_t capacity)
{
    return (Writer){.bytes.data = buffer, .capacity = capacity, .fixed = true};
}

void writer_done(Writer *writer); /* for _cleanup_; a zeroed Writer is an empty one */
void writer_u16le(Writer *writer, uint16_t value);
void writer_u32le(Writer *writer, uint32_t value);
void writer_u64le(Writer *writer, uint64_t value);
void writer_u16be(Writer *writer, uint16_t value);
void writer_u32be(Writer *writer, uint32_t value);
void writer_bytes(Writer *writer, BytesView view);
void writer_text(Writer *writer, const char *text);
void writer_format(Writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void writer_string(Writer *writer, BytesView view); /* see reader_string() */
/* Appends zeros up to the next multiple of ALIGNMENT. */
void writer_pad(Writer *writer, size_t alignment);
/* Moves the bytes to RET and empties the writer; -ENOMEM if any write failed. */
int writer_take(Writer *writer, Bytes *ret);
