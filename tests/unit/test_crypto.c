/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of broker/crypto: known answers, and that every change is noticed. */

#include "support.h"

#include "crypto/aead.h"
#include "crypto/kdf.h"

#include <sodium.h>
#include <string.h>

static Secret *secret_from_hex(const char *hex)
{
    uint8_t bytes[64];
    size_t size;
    Secret *secret;

    assert_int_equal(sodium_hex2bin(bytes, sizeof(bytes), hex, strlen(hex), NULL, &size, NULL), 0);
    assert_int_equal(secret_new_from((BytesView){bytes, size}, NULL, &secret), 0);
    return secret;
}

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

/* SHA256 of the parts one behind the other; the digests are sha256sum's. */
static void test_credential_keys(void **state)
{
    _cleanup_(secret_freep) Secret *host = test_host_key("host"), *tpm = test_secret("tpm");
    const struct {
        const Secret *host, *tpm;
        const char *digest;
    } rows[] = {
        {NULL, NULL, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {host, NULL, "4740ae6347b0172c01254ff55bae5aff5199f4446e7f6d643d40185b3f475145"},
        {NULL, tpm, "533541fb465a0bddd5cce85fd0f36bcb0272f63e43de3cdd080be2e22ff46b85"},
        {host, tpm, "282261ae7b15ec8e1c71e26eb2b4ee87a95aa138a08112ba1279d9ea21dadbeb"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(secret_freep) Secret *key = NULL, *expected = secret_from_hex(rows[i].digest);

        assert_int_equal(kdf_credential_key(rows[i].host, rows[i].tpm, NULL, &key), 0);
        if (!secret_equal(key, expected))
            fail_msg("row %zu", i);
    }
}

/* RFC 4231, test case 2. */
static void test_scoped_keys(void **state)
{
    _cleanup_(secret_freep) Secret *key = test_secret("Jefe"), *scoped = NULL;
    _cleanup_(secret_freep) Secret *expected =
        secret_from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

    (void)state;
    assert_int_equal(kdf_scoped_key(key, test_view("what do ya want for nothing?"), NULL, &scoped),
                     0);
    assert_true(secret_equal(scoped, expected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aes_gcm_known_answer), cmocka_unit_test(test_every_change_is_noticed),
        cmocka_unit_test(test_no_text_at_all),       cmocka_unit_test(test_credential_keys),
        cmocka_unit_test(test_scoped_keys),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
