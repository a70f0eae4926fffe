/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of lib/protocol/frame.c: messages in pieces, many at once, too long, and peers that do
 * not read.
 */

#include "lingering.h"
#include "support.h"

#include "base/context.h"
#include "base/limits.h"
#include "protocol/frame.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct Pair {
    int ours, theirs;
} Pair;

static Pair pair_new(void)
{
    int fds[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return (Pair){fds[0], fds[1]};
}

static void pair_done(Pair *pair)
{
    close(pair->ours);
    close(pair->theirs);
}

static void put(const Pair *pair, const void *data, size_t size)
{
    assert_int_equal(send(pair->theirs, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void expect_message(FrameReader *reader, const char *text)
{
    BytesView message;

    assert_true(frame_reader_next(reader, &message));
    assert_int_equal(message.size, strlen(text));
    assert_memory_equal(message.data, text, message.size);
}

static void test_in_pieces(void **state)
{
    static const char stream[] = "one\0\0three"; /* and the NUL of the literal */
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    const char *expected[] = {"one", "", "three"};
    size_t next = 0;

    (void)state;
    assert_int_equal(frame_reader_read(&reader, pair.ours), FRAME_BLOCKED);
    for (size_t i = 0; i < sizeof(stream); i++) {
        BytesView message;

        put(&pair, stream + i, 1);
        assert_int_equal(frame_reader_read(&reader, pair.ours), 0);
        if (stream[i] == '\0')
            expect_message(&reader, expected[next++]);
        assert_false(frame_reader_next(&reader, &message));
    }
    assert_int_equal(next, COUNT(expected));
    close(pair.theirs);
    pair.theirs = dup(pair.ours);
    assert_int_equal(frame_reader_read(&reader, pair.ours), FRAME_END);
}

static void test_at_once(void **state)
{
    static const char stream[] = "a\0bb\0ccc\0dd";
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    BytesView message;

    (void)state;
    put(&pair, stream, sizeof(stream) - 1);
    assert_int_equal(frame_reader_read(&reader, pair.ours), 0);
    expect_message(&reader, "a");
    expect_message(&reader, "bb");
    expect_message(&reader, "ccc");
    assert_false(frame_reader_next(&reader, &message));
    /* the rest of the last message is sent later */
    put(&pair, "dd", 3);
    assert_int_equal(frame_reader_read(&reader, pair.ours), 0);
    expect_message(&reader, "dddd");
}

/* Reads until something other than success, while the other side writes SIZE bytes. */
static int flood(const Pair *pair, FrameReader *reader, size_t size)
{
    static uint8_t bytes[64 * 1024];
    int r = 0;

    memset(bytes, 'x', sizeof(bytes));
    while (r == 0 || r == FRAME_BLOCKED) {
        ssize_t n = size > 0 ? send(pair->theirs, bytes,
                                    size < sizeof(bytes) ? size : sizeof(bytes), MSG_NOSIGNAL)
                             : -1;

        if (n > 0)
            size -= (size_t)n;
        r = frame_reader_read(reader, pair->ours);
        if (r == FRAME_BLOCKED && size == 0)
            break;
        if (r == 0) {
            BytesView message;

            assert_false(frame_reader_next(reader, &message));
        }
    }
    return r;
}

static void test_the_longest(void **state)
{
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    BytesView message;

    (void)state;
    assert_int_equal(flood(&pair, &reader, LIMIT_FRAME_BYTES), FRAME_BLOCKED);
    put(&pair, "", 1);
    assert_int_equal(frame_reader_read(&reader, pair.ours), 0);
    assert_true(frame_reader_next(&reader, &message));
    assert_int_equal(message.size, LIMIT_FRAME_BYTES);
}

static void test_too_long(void **state)
{
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};

    (void)state;
    assert_int_equal(flood(&pair, &reader, 2 * LIMIT_FRAME_BYTES), -EMSGSIZE);
}

/* Messages that a peer does not read wait, up to a limit, and are sent in order. */
static void test_a_peer_that_does_not_read(void **state)
{
    static uint8_t message[100000];
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_writer_done) FrameWriter writer = {0};
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    unsigned added = 0, seen = 0;
    int r;

    (void)state;
    memset(message, 'x', sizeof(message));
    while ((r = frame_writer_add(&writer, (BytesView){message, sizeof(message)})) == 0) {
        added++;
        r = frame_writer_send(&writer, pair.ours, -1);
        assert_true(r == 0 || r == FRAME_BLOCKED);
    }
    assert_int_equal(r, -EMSGSIZE);
    assert_true(added >= LIMIT_FRAME_BYTES / sizeof(message));
    assert_true(writer.writer.bytes.size <= LIMIT_FRAME_BYTES + 1); /* and the last NUL */
    while (seen < added) {
        BytesView got;

        r = frame_reader_read(&reader, pair.theirs);
        assert_true(r == 0 || r == FRAME_BLOCKED);
        while (frame_reader_next(&reader, &got)) {
            assert_int_equal(got.size, sizeof(message));
            seen++;
        }
        r = frame_writer_send(&writer, pair.ours, -1);
        assert_true(r == 0 || r == FRAME_BLOCKED);
    }
    assert_true(frame_writer_empty(&writer));
}

static void test_a_peer_that_is_gone(void **state)
{
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_writer_done) FrameWriter writer = {0};

    (void)state;
    close(pair.theirs);
    pair.theirs = dup(pair.ours);
    assert_int_equal(frame_writer_add(&writer, test_view("x")), 0);
    assert_int_equal(frame_writer_send(&writer, pair.ours, -1), FRAME_END);
}

/* Whoever passes something else than a memfd, or too much, is not served, and nobody waits until
 * that is closed. */
static void test_descriptors(void **state)
{
    int file = memfd_create("test", MFD_CLOEXEC), peer;
    int fds[253];
    uint64_t begin;

    (void)state;
    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = file;
    for (unsigned i = 0; i < 5; i++) {
        _cleanup_(pair_done) Pair pair = pair_new();
        _cleanup_(frame_reader_done) FrameReader reader = {0};
        int lingers = i > 0 ? lingering_new(&peer) : -1;
        size_t count = (size_t[]){1, 1, 2, 3, COUNT(fds)}[i];

        fds[count - 1] = lingers >= 0 ? lingers : file;
        pass_fds(pair.theirs, fds, count);
        close(lingers);
        fds[count - 1] = file;
        begin = monotonic_usec();
        assert_int_equal(frame_reader_read(&reader, pair.ours), i == 0 ? 0 : -EPROTO);
        assert_true(monotonic_usec() - begin < (LINGER_SECONDS - 5) * UINT64_C(1000000));
        close_keep_errno(frame_reader_take_fd(&reader));
        if (lingers >= 0)
            close(peer);
    }
    close(file);
}

/* A second one is no better in a message of its own. */
static void test_a_second_descriptor(void **state)
{
    _cleanup_(pair_done) Pair pair = pair_new();
    _cleanup_(frame_reader_done) FrameReader reader = {0};
    int file = memfd_create("test", MFD_CLOEXEC);

    (void)state;
    pass_fds(pair.theirs, &file, 1);
    assert_int_equal(frame_reader_read(&reader, pair.ours), 0);
    pass_fds(pair.theirs, &file, 1);
    assert_int_equal(frame_reader_read(&reader, pair.ours), -EPROTO);
    close(file);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_the_longest),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_a_peer_that_does_not_read),
        cmocka_unit_test(test_a_peer_that_is_gone),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_a_second_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
