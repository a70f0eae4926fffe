/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/base/bytes.c. */

#include "support.h"

static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0};

static void test_integers(void **state)
{
    Reader reader = reader_new((BytesView){data, sizeof(data)});

    (void)state;
    assert_int_equal(reader_u16le(&reader), 0x0201);
    assert_int_equal(reader_u16be(&reader), 0x0304);
    assert_int_equal(reader_u32le(&reader), 0x08070605);
    reader = reader_new((BytesView){data, sizeof(data)});
    assert_int_equal(reader_u32be(&reader), 0x01020304);
    reader = reader_new((BytesView){data, sizeof(data)});
    assert_true(reader_u64le(&reader) == UINT64_C(0x0807060504030201));
    assert_int_equal(reader.offset, 8);
    assert_false(reader.failed);
}

/* As in SSH's wire format. */
static void test_strings(void **state)
{
    _cleanup_(writer_done) Writer writer = {0};
    Reader reader;

    (void)state;
    writer_string(&writer, test_view("key"));
    writer_string(&writer, test_view(""));
    assert_int_equal(writer.bytes.size, 11);
    assert_memory_equal(writer.bytes.data, "\0\0\0\003key\0\0\0\0", 11);
    reader = reader_new(bytes_view(&writer.bytes));
    assert_true(bytes_view_equal(reader_string(&reader), test_view("key")));
    assert_int_equal(reader_string(&reader).size, 0);
    assert_false(reader.failed);
    reader = reader_new((BytesView){writer.bytes.data, 6});
    assert_null(reader_string(&reader).data);
    assert_true(reader.failed);
}

static void test_a_short_read_fails_for_good(void **state)
{
    Reader reader = reader_new((BytesView){data, 3});

    (void)state;
    assert_int_equal(reader_u32le(&reader), 0);
    assert_true(reader.failed);
    /* reads after a failure fail, even if the bytes would be there */
    assert_int_equal(reader_u16le(&reader), 0);
    assert_null(reader_take(&reader, 1).data);
    assert_int_equal(reader.offset, 0);
}

static void test_take_bounds(void **state)
{
    Reader reader = reader_new((BytesView){data, 4});

    (void)state;
    assert_int_equal(reader_take(&reader, 4).size, 4);
    assert_int_equal(reader_take(&reader, 0).size, 0);
    assert_false(reader.failed);
    assert_null(reader_take(&reader, SIZE_MAX).data);
    assert_true(reader.failed);
}

static void test_padding(void **state)
{
    Reader reader = reader_new((BytesView){data, sizeof(data)});

    (void)state;
    reader_take(&reader, 9);
    assert_true(reader_skip_padding(&reader, 8));
    assert_int_equal(reader.offset, 16);
    assert_true(reader_skip_padding(&reader, 8)); /* nothing to skip */

    reader = reader_new((BytesView){data, sizeof(data)});
    reader_take(&reader, 1);
    assert_false(reader_skip_padding(&reader, 8)); /* not zeros */

    reader = reader_new((BytesView){data, 15});
    reader_take(&reader, 9);
    assert_false(reader_skip_padding(&reader, 8)); /* cut short */
}

static void test_writer_round_trip(void **state)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes bytes = {0};
    Reader reader;

    (void)state;
    writer_u16le(&writer, 0x0102);
    writer_u32le(&writer, 0x03040506);
    writer_u64le(&writer, UINT64_C(0x0708090a0b0c0d0e));
    writer_u16be(&writer, 0x1112);
    writer_u32be(&writer, 0x13141516);
    writer_pad(&writer, 8);
    writer_pad(&writer, 8);
    assert_int_equal(writer_take(&writer, &bytes), 0);
    assert_int_equal(bytes.size, 24);

    reader = reader_new(bytes_view(&bytes));
    assert_int_equal(reader_u16le(&reader), 0x0102);
    assert_int_equal(reader_u32le(&reader), 0x03040506);
    assert_true(reader_u64le(&reader) == UINT64_C(0x0708090a0b0c0d0e));
    assert_int_equal(reader_u16be(&reader), 0x1112);
    assert_int_equal(reader_u32be(&reader), 0x13141516);
    assert_true(reader_skip_padding(&reader, 8));
}

static void test_writer_grows(void **state)
{
    _cleanup_(writer_done) Writer writer = {0};
    _cleanup_(bytes_done) Bytes bytes = {0};

    (void)state;
    for (int i = 0; i < 10000; i++)
        writer_u16le(&writer, (uint16_t)i);
    assert_int_equal(writer_take(&writer, &bytes), 0);
    assert_int_equal(bytes.size, 20000);
    assert_int_equal(bytes.data[2 * 9999], 9999 & 0xff);
    /* the writer is empty, and returns an empty buffer instead of NULL */
    bytes_done(&bytes);
    assert_int_equal(writer_take(&writer, &bytes), 0);
    assert_int_equal(bytes.size, 0);
    assert_non_null(bytes.data);
}

static void test_equality(void **state)
{
    (void)state;
    assert_true(bytes_view_equal((BytesView){0}, (BytesView){data, 0}));
    assert_true(bytes_view_equal((BytesView){data, 2}, (BytesView){data, 2}));
    assert_false(bytes_view_equal((BytesView){data, 2}, (BytesView){data + 1, 2}));
    assert_false(bytes_view_equal((BytesView){data, 2}, (BytesView){data, 3}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_a_short_read_fails_for_good),
        cmocka_unit_test(test_take_bounds),
        cmocka_unit_test(test_padding),
        cmocka_unit_test(test_writer_round_trip),
        cmocka_unit_test(test_writer_grows),
        cmocka_unit_test(test_equality),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
