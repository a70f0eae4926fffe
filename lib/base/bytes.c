/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/bytes.h"

#include <endian.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

void bytes_done(Bytes *bytes)
{
    free(bytes->data);
    *bytes = (Bytes){0};
}

int bytes_dup(BytesView view, Bytes *ret)
{
    uint8_t *copy = malloc(view.size ? view.size : 1);

    if (!copy)
        return -ENOMEM;
    if (view.size)
        memcpy(copy, view.data, view.size);
    *ret = (Bytes){copy, view.size};
    return 0;
}

bool bytes_view_equal(BytesView a, BytesView b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* --- Reader --- */

Reader reader_new(BytesView view)
{
    return (Reader){.rest = view};
}

BytesView reader_take(Reader *reader, size_t size)
{
    BytesView taken;

    if (reader->failed || size > reader->rest.size) {
        reader->failed = true;
        return (BytesView){0};
    }
    taken = (BytesView){reader->rest.data, size};
    reader->rest.data += size;
    reader->rest.size -= size;
    reader->offset += size;
    return taken;
}

bool reader_skip_padding(Reader *reader, size_t alignment)
{
    size_t beyond = reader->offset % alignment;
    BytesView padding = reader_take(reader, beyond ? alignment - beyond : 0);

    for (size_t i = 0; i < padding.size; i++)
        if (padding.data[i] != 0)
            reader->failed = true;
    return !reader->failed;
}

/* --- Writer --- */

void writer_done(Writer *writer)
{
    if (writer->wipes && writer->bytes.data)
        explicit_bzero(writer->bytes.data, writer->bytes.size);
    if (!writer->fixed)
        bytes_done(&writer->bytes);
    *writer = (Writer){0};
}

static uint8_t *grow(const Writer *writer, size_t capacity)
{
    uint8_t *data;

    if (!writer->wipes || writer->bytes.size == 0)
        return realloc(writer->bytes.data, capacity);
    data = malloc(capacity);
    if (data) {
        memcpy(data, writer->bytes.data, writer->bytes.size);
        explicit_bzero(writer->bytes.data, writer->bytes.size);
        free(writer->bytes.data);
    }
    return data;
}

static bool make_room(Writer *writer, size_t size)
{
    size_t capacity = writer->capacity;
    uint8_t *data;

    if (writer->failed)
        return false;
    if (size <= capacity - writer->bytes.size && writer->bytes.data)
        return true;
    capacity = (writer->bytes.size + size) * 2 + 64;
    data = writer->fixed ? NULL : grow(writer, capacity);
    if (!data) {
        writer->failed = true;
        return false;
    }
    writer->bytes.data = data;
    writer->capacity = capacity;
    return true;
}

void writer_bytes(Writer *writer, BytesView view)
{
    if (!make_room(writer, view.size) || view.size == 0)
        return;
    memcpy(writer->bytes.data + writer->bytes.size, view.data, view.size);
    writer->bytes.size += view.size;
}

void writer_text(Writer *writer, const char *text)
{
    writer_bytes(writer, text_view(text));
}

void writer_format(Writer *writer, const char *format, ...)
{
    _cleanup_(freep) char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) {
        text = NULL;
        writer->failed = true;
    }
    va_end(arguments);
    writer_text(writer, text ? text : "");
}

/* Readers and writers of one size and byte order, whose conversion is its own reverse. */
#define DEFINE_INTEGER(type, name, convert)                                                        \
    type reader_##name(Reader *reader)                                                             \
    {                                                                                              \
        BytesView view = reader_take(reader, sizeof(type));                                        \
        type value = 0;                                                                            \
                                                                                                   \
        if (view.size > 0)                                                                         \
            memcpy(&value, view.data, sizeof(value));                                              \
        return convert(value);                                                                     \
    }                                                                                              \
    void writer_##name(Writer *writer, type value)                                                 \
    {                                                                                              \
        value = convert(value);                                                                    \
        writer_bytes(writer, (BytesView){(const uint8_t *)&value, sizeof(value)});                 \
    }                                                                                              \
    struct integer_needs_a_semicolon

DEFINE_INTEGER(uint16_t, u16le, htole16);
DEFINE_INTEGER(uint32_t, u32le, htole32);
DEFINE_INTEGER(uint64_t, u64le, htole64);
DEFINE_INTEGER(uint16_t, u16be, htobe16);
DEFINE_INTEGER(uint32_t, u32be, htobe32);

BytesView reader_string(Reader *reader)
{
    return reader_take(reader, reader_u32be(reader));
}

void writer_string(Writer *writer, BytesView view)
{
    writer_u32be(writer, (uint32_t)view.size);
    writer_bytes(writer, view);
}

void writer_pad(Writer *writer, size_t alignment)
{
    size_t beyond = writer->bytes.size % alignment;

    for (size_t i = beyond; beyond && i < alignment; i++)
        writer_bytes(writer, (BytesView){(const uint8_t[]){0}, 1});
}

int writer_take(Writer *writer, Bytes *ret)
{
    if (writer->failed || !make_room(writer, 0))
        return -ENOMEM;
    *ret = writer->bytes;
    *writer = (Writer){0};
    return 0;
}
