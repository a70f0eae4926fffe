/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of lib/crypto: known answers, and that every change is detected. */

#include "support.h"

#include "crypto/aead.h"

#include <sodium.h>
#include <string.h>

/* "The Galois/Counter Mode of Operation (GCM)", McGrew and Viega, test case 14. */
static void test_aes_gcm_known_answer(void **state)
{
    static const uint8_t zeros[16];
    static const uint8_t expected[] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
                                       0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18};
    static const uint8_t expected_tag[] = {0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
                                           0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
    _cleanup_(secret_freep) Secret *key = NULL, *text = NULL;
    uint8_t ciphertext[16], tag[16];

    (void)state;
    assert_int_equal(secret_new(32, NULL, &key), 0);
    assert_int_equal(aead_encrypt(key, (BytesView){zeros, 12}, (BytesView){0},
                                  (BytesView){zeros, sizeof(zeros)}, ciphertext, tag),
                     0);
    assert_memory_equal(ciphertext, expected, sizeof(expected));
    assert_memory_equal(tag, expected_tag, sizeof(expected_tag));
    assert_int_equal(aead_decrypt(key, (BytesView){zeros, 12}, (BytesView){0},
                                  (BytesView){ciphertext, 16}, (BytesView){tag, 16}, &text),
                     0);
    assert_memory_equal(secret_borrow(text), zeros, sizeof(zeros));
}

static void test_every_change_is_noticed(void **state)
{
    _cleanup_(secret_freep) Secret *key = test_secret_of(32), *other = test_secret_of(32);
    uint8_t iv[12] = {1}, aad[3] = {2}, ciphertext[5], tag[16];
    struct {
        uint8_t *bytes;
        size_t size;
    } parts[] = {{iv, 12}, {aad, 3}, {ciphertext, 5}, {tag, 16}, {NULL, 32}};

    (void)state;
    assert_int_equal(aead_encrypt(key, (BytesView){iv, 12}, (BytesView){aad, 3}, test_view("hello"),
                                  ciphertext, tag),
                     0);
    parts[4].bytes = secret_borrow(other);
    for (size_t i = 0; i < COUNT(parts); i++)
        for (size_t bit = 0; bit < parts[i].size * 8; bit++) {
            Secret *text = NULL;

            parts[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(aead_decrypt(other, (BytesView){iv, 12}, (BytesView){aad, 3},
                                          (BytesView){ciphertext, 5}, (BytesView){tag, 16}, &text),
                             OUTCOME_NOT_AUTHENTIC);
            assert_null(text);
            parts[i].bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    assert_int_equal(aead_decrypt(key, (BytesView){iv, 12}, (BytesView){aad, 3},
                                  (BytesView){ciphertext, 5}, (BytesView){tag, 15}, &other),
                     OUTCOME_NOT_AUTHENTIC);
}

static void test_no_text_at_all(void **state)
{
    _cleanup_(secret_freep) Secret *key = test_secret_of(32), *text = NULL;
    uint8_t iv[16] = {0}, nothing[1], tag[16];

    (void)state;
    assert_int_equal(aead_encrypt(key, (BytesView){iv, 16}, (BytesView){iv, 16},
                                  (BytesView){nothing, 0}, nothing, tag),
                     0);
    assert_int_equal(aead_decrypt(key, (BytesView){iv, 16}, (BytesView){iv, 16},
                                  (BytesView){nothing, 0}, (BytesView){tag, 16}, &text),
                     0);
    assert_int_equal(secret_size(text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes_gcm_known_answer),
        cmocka_unit_test(test_every_change_is_noticed),
        cmocka_unit_test(test_no_text_at_all),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
