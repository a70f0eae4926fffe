/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of sealing to another host's TPM, without a TPM: crypto/{tcg,ecdh,oaep,cfb}, the public
 * parts of storage keys, and the wrapping, which is undone here with the storage key's private
 * part. test_offline.c tests that TPMs accept the result.
 */

#include "support.h"

#include "crypto/ecdh.h"
#include "crypto/tcg.h"
#include "tpm/blob.h"
#include "tpm/storage_key.h"
#include "tpm/wrap.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>

typedef struct Buffer {
    uint8_t bytes[512];
    size_t size;
} Buffer;

static Buffer from_hex(const char *text)
{
    Buffer buffer = {0};

    assert_int_equal(sodium_hex2bin(buffer.bytes, sizeof(buffer.bytes), text, strlen(text), NULL,
                                    &buffer.size, NULL),
                     0);
    return buffer;
}

static BytesView view_of(const Buffer *buffer)
{
    return (BytesView){buffer->bytes, buffer->size};
}

static Buffer from_vector(const char *name)
{
    _cleanup_(bytes_done) Bytes file = {0};
    Buffer buffer = {0};
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
    file = test_read_file(path);
    assert_true(file.size <= sizeof(buffer.bytes));
    memcpy(buffer.bytes, file.data, file.size);
    buffer.size = file.size;
    return buffer;
}

/* --- crypto --- */

/* NIST CAVS, ECC CDH, count 0 of each curve. */
typedef struct KnownAgreement {
    EcdhCurve curve;
    const char *peer, *order, *key, *ephemeral, *shared;
} KnownAgreement;

static const KnownAgreement agreements[] = {
    {ECDH_P256,
     "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
     "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
     "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
     "ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230"
     "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
     "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"},
    {ECDH_P384,
     "a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50"
     "066"
     "ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc84"
     "37a",
     "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52"
     "973",
     "3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf9"
     "8a1",
     "9803807f2f6d2fd966cdd0290bd410c0190352fbec7ff6247de1302df86f25d34fe4a97bef60cff548355c015dbb3"
     "e5f"
     "ba26ca69ec2f5b5d9dad20cc9da711383a9dbe34ea3fa5a2af75b46502629ad54dd8b7d73a8abb06a3a3be47d650c"
     "c99",
     "5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e53"
     "3f1"},
};

/* What random_from_script() returns, draw by draw; the last is repeated. */
static const char *script[4];
static unsigned script_next;

static void random_from_script(const Context *context, void *bytes, size_t size)
{
    Buffer draw = from_hex(script[script_next]);

    (void)context;
    assert_int_equal(draw.size, size);
    memcpy(bytes, draw.bytes, size);
    if (script_next + 1 < COUNT(script) && script[script_next + 1])
        script_next++;
}

static Context scripted(const char *first, const char *second, const char *third)
{
    Context context = test_context(NULL);

    context.random = random_from_script;
    script[0] = first;
    script[1] = second;
    script[2] = third;
    script_next = 0;
    return context;
}

static EcdhPoint point_from_hex(EcdhCurve curve, const char *text)
{
    Buffer buffer = from_hex(text);
    size_t size = ecdh_coordinate_bytes(curve);
    EcdhPoint point = {.curve = curve};

    assert_int_equal(buffer.size, 2 * size);
    memcpy(point.x, buffer.bytes, size);
    memcpy(point.y, buffer.bytes + size, size);
    return point;
}

static void test_ecdh_known_answer(void **state)
{
    static const char zeros[] = "000000000000000000000000000000000000000000000000000000000000000000"
                                "000000000000000000000000000000";

    (void)state;
    for (size_t i = 0; i < COUNT(agreements); i++) {
        const KnownAgreement *known = &agreements[i];
        size_t size = ecdh_coordinate_bytes(known->curve);
        const char *zero = zeros + 96 - 2 * size;
        /* neither 0 nor the order or more is a key: both are drawn again */
        Context context = scripted(zero, known->order, known->key);
        EcdhPoint peer = point_from_hex(known->curve, known->peer), point;
        EcdhPoint expected = point_from_hex(known->curve, known->ephemeral);
        Buffer expected_shared = from_hex(known->shared);
        EcdhShared shared;

        assert_int_equal(ecdh_check(&peer), 0);
        assert_int_equal(ecdh_agree(&context, &peer, &point, &shared), 0);
        assert_int_equal(point.curve, known->curve);
        assert_memory_equal(point.x, expected.x, size);
        assert_memory_equal(point.y, expected.y, size);
        assert_memory_equal(shared.x, expected_shared.bytes, size);
        /* a source of zeros only is an error */
        context = scripted(zero, NULL, NULL);
        assert_true(ecdh_agree(&context, &peer, &point, &shared) < 0);
    }
}

static void test_points_that_are_none(void **state)
{
    static const struct {
        const char *rule, *point;
    } rows[] = {
        {"not 0, 0", "0000000000000000000000000000000000000000000000000000000000000000"
                     "0000000000000000000000000000000000000000000000000000000000000000"},
        {"on the curve", "700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
                         "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ad"},
        /* there are points with x = 5; this is 5 plus the prime */
        {"below the prime", "ffffffff00000001000000000000000000000001000000000000000000000004"
                            "459243b9aa581806fe913bce99817ade11ca503c64d9a3c533415c083248fbcc"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        EcdhPoint point = point_from_hex(ECDH_P256, rows[i].point);

        if (ecdh_check(&point) != OUTCOME_MALFORMED)
            fail_msg("a point is %s", rows[i].rule);
    }
}

static void test_no_bit_of_a_point_may_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(agreements); i++) {
        EcdhPoint point = point_from_hex(agreements[i].curve, agreements[i].peer);
        size_t bits = ecdh_coordinate_bytes(point.curve) * 8;

        for (size_t bit = 0; bit < 2 * bits; bit++) {
            uint8_t *byte = &(bit < bits ? point.x : point.y)[bit % bits / 8];

            *byte ^= (uint8_t)(1U << bit % 8);
            assert_int_equal(ecdh_check(&point), OUTCOME_MALFORMED);
            *byte ^= (uint8_t)(1U << bit % 8);
        }
    }
}

static void expect_key(const TcgKey *key, const char *text)
{
    Buffer expected = from_hex(text);

    assert_int_equal(key->size, expected.size);
    assert_memory_equal(key->bytes, expected.bytes, expected.size);
}

/* Computed with Python's hmac and hashlib, from the specification's text. */
static void test_kdf_known_answers(void **state)
{
    TcgKey key = {.size = 32}, other = {.size = 32}, derived;
    uint8_t mac[TCG_DIGEST_BYTES_MAX];
    Buffer expected;

    (void)state;
    for (unsigned i = 0; i < sizeof(key.bytes); i++) {
        key.bytes[i] = (uint8_t)i;
        other.bytes[i] = (uint8_t)(0x40 + i);
    }
    assert_int_equal(tcg_kdfa(TCG_SHA256, &key, "STORAGE", test_view("context"), 128, &derived), 0);
    expect_key(&derived, "e16ac8414511cb7a1572c03e38d8333c");
    assert_true(sodium_is_zero(derived.bytes + 16, sizeof(derived.bytes) - 16));
    assert_int_equal(tcg_kdfa(TCG_SHA256, &key, "INTEGRITY", (BytesView){0}, 256, &derived), 0);
    expect_key(&derived, "bacf689f634ece301e1f1b15b072d9c87db6a69585db42b1a0cb8f73ebe2692e");
    assert_int_equal(tcg_kdfe(TCG_SHA256, tcg_key_view(&key), "DUPLICATE", tcg_key_view(&other),
                              tcg_key_view(&key), &derived),
                     0);
    expect_key(&derived, "ef07d7ad976d4bc96b78977b65319c0398db508bba7372d735be6ddd0f99200a");

    key.size = other.size = 48;
    assert_int_equal(tcg_kdfa(TCG_SHA384, &key, "STORAGE", test_view("context"), 256, &derived), 0);
    expect_key(&derived, "56f546f682995cc4b195780717cc66dc3683b4bca2c2af03bf13bba18e23c2cd");
    assert_int_equal(tcg_kdfa(TCG_SHA384, &key, "INTEGRITY", (BytesView){0}, 384, &derived), 0);
    expect_key(&derived, "f33d1615c2266b2fa774ff368d6ce3af9d8c0b4227e57eb3"
                         "e28b810755366e9a668857315ae51d8d7cfac92bb0485639");
    assert_int_equal(tcg_kdfe(TCG_SHA384, tcg_key_view(&key), "IDENTITY", tcg_key_view(&other),
                              tcg_key_view(&key), &derived),
                     0);
    expect_key(&derived, "a1bcee45c462c471be57585b46b08bdc5cba893efc89d15a"
                         "010df137b2437da06f585b8f736f0f3dbf4b51e21731cfde");
    assert_int_equal(tcg_hmac(TCG_SHA384, &key, test_view("text"), test_view("more"), mac), 0);
    expected = from_hex("f7c4256f5093c67fe3bcbb9d32b25d21105578ffbbd958cf"
                        "d5e85b5b051cf4bd0a8a98436b77c422507660c170af73d0");
    assert_memory_equal(mac, expected.bytes, sizeof(mac));
}

/* openssl enc -aes-128-cfb or -aes-256-cfb with the key 0, 1, 2 … and no IV. */
static void test_cfb_known_answer(void **state)
{
    static const struct {
        size_t key_size;
        const char *expected;
    } rows[] = {{16, "4620b9b4030add05e7c60be92d4556f66032a23d"},
                {32, "72118235aecc1957217a10e151a3f90f50b59d42"}};
    uint8_t key[32], text[20], ciphertext[20];

    (void)state;
    for (unsigned i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(0x80 + i);
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Buffer expected = from_hex(rows[i].expected);

        assert_int_equal(cfb_encrypt((BytesView){key, rows[i].key_size},
                                     (BytesView){text, sizeof(text)}, ciphertext),
                         0);
        assert_int_equal(expected.size, sizeof(ciphertext));
        assert_memory_equal(ciphertext, expected.bytes, sizeof(ciphertext));
    }
}

/* libcrypto decrypts it with the private key and the label, including its NUL, and with no other
 * label. */
static void check_oaep(TcgHash hash, unsigned bits)
{
    _cleanup_(bytes_done) Bytes encrypted = {0};
    EVP_PKEY *key = EVP_RSA_gen(bits);
    uint8_t modulus[512], opened[512];
    const OaepKey public = {hash, {modulus, bits / 8}, 65537};
    BIGNUM *n = NULL;

    assert_int_equal(EVP_PKEY_get_bn_param(key, "n", &n), 1);
    assert_int_equal(BN_bn2binpad(n, modulus, (int)bits / 8), bits / 8);
    assert_int_equal(oaep_encrypt(&public, (BytesView){(const uint8_t *)"DUPLICATE", 10},
                                  test_view("seed"), &encrypted),
                     0);
    assert_int_equal(encrypted.size, bits / 8);
    for (int length = 9; length <= 10; length++) {
        EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
        size_t size = sizeof(opened);

        assert_int_equal(EVP_PKEY_decrypt_init(context), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING), 1);
        assert_int_equal(
            EVP_PKEY_CTX_set_rsa_oaep_md(context, hash == TCG_SHA384 ? EVP_sha384() : EVP_sha256()),
            1);
        assert_int_equal(
            EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_memdup("DUPLICATE", 10), length), 1);
        assert_int_equal(EVP_PKEY_decrypt(context, opened, &size, encrypted.data, encrypted.size) ==
                             1,
                         length == 10);
        EVP_PKEY_CTX_free(context);
        if (length == 10)
            assert_true(size == 4 && memcmp(opened, "seed", 4) == 0);
    }
    BN_free(n);
    EVP_PKEY_free(key);
}

static void test_oaep(void **state)
{
    (void)state;
    check_oaep(TCG_SHA256, 2048);
    check_oaep(TCG_SHA384, 3072);
}

/* --- storage keys --- */

static int parse_key(const Buffer *buffer, Reason *reason)
{
    TpmStorageKey key = {.algorithm = 4711};
    int r = tpm_storage_key_parse(view_of(buffer), reason, &key);

    assert_true((r == 0) == (key.algorithm != 4711));
    return r;
}

static void test_storage_keys(void **state)
{
    static const struct {
        const char *file;
        uint16_t algorithm;
        TpmStorageRole role;
    } rows[] = {
        {"target-srk.tpm2b_public", TPM_ALGORITHM_ECC, TPM_STORAGE_SRK},
        {"target-legacy-ecc-primary.tpm2b_public", TPM_ALGORITHM_ECC, TPM_STORAGE_LEGACY},
        {"target-legacy-rsa-primary.tpm2b_public", TPM_ALGORITHM_RSA, TPM_STORAGE_LEGACY},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_(bytes_done) Bytes pinned = {0};
        Buffer buffer = from_vector(rows[i].file);
        TpmStorageKey key;
        TpmSrk srk;

        assert_int_equal(tpm_storage_key_parse(view_of(&buffer), NULL, &key), 0);
        assert_int_equal(key.algorithm, rows[i].algorithm);
        assert_int_equal(key.role, rows[i].role);
        /* the key that we pin is the one that we recognise as pinned */
        assert_int_equal(tpm_storage_key_pin(&key, &pinned), 0);
        assert_int_equal(tpm_srk_parse(bytes_view(&pinned), NULL, &srk), 0);
        assert_int_equal(srk.algorithm, key.algorithm);
    }
}

static void test_storage_keys_cut_or_longer(void **state)
{
    static const char *const files[] = {"target-srk.tpm2b_public",
                                        "target-legacy-rsa-primary.tpm2b_public"};

    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        Buffer buffer = from_vector(files[i]);
        size_t whole = buffer.size;

        for (buffer.size = 0; buffer.size <= whole + 1; buffer.size++)
            if (buffer.size != whole)
                assert_int_equal(parse_key(&buffer, NULL), OUTCOME_MALFORMED);
    }
}

static void test_no_bit_of_a_p256_key_may_change(void **state)
{
    Buffer buffer = from_vector("target-srk.tpm2b_public");
    unsigned taken = 0;

    (void)state;
    for (size_t bit = 0; bit < buffer.size * 8; bit++) {
        TpmStorageKey key;

        buffer.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (tpm_storage_key_parse(view_of(&buffer), NULL, &key) == 0) {
            /* noDA: the same point in the other role */
            assert_int_equal(key.role, TPM_STORAGE_LEGACY);
            taken++;
        }
        buffer.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_int_equal(taken, 1);
}

/* Of an RSA key the modulus has no check of its own; the name in an identity has. */
static void test_no_bit_of_an_rsa_key_but_its_modulus_may_change(void **state)
{
    Buffer buffer = from_vector("target-legacy-rsa-primary.tpm2b_public");

    (void)state;
    for (size_t bit = 0; bit < (buffer.size - 256) * 8; bit++) {
        TpmStorageKey key;

        buffer.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        if (tpm_storage_key_parse(view_of(&buffer), NULL, &key) == 0)
            assert_int_equal(key.role, TPM_STORAGE_SRK);
        buffer.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

static void test_storage_key_fields(void **state)
{
    static const struct {
        const char *rule, *words;
        bool rsa;
        size_t offset;
        uint8_t value;
    } rows[] = {
        {"of a known type", "neither", false, 3, 0x08},
        {"named by SHA-256", "SHA-256", false, 5, 0x0c},
        {"restricted", "attributes", false, 7, 0x02},
        {"for decryption", "attributes", false, 7, 0x01},
        {"not for signing", "attributes", false, 7, 0x07},
        {"bound to its TPM", "attributes", false, 9, 0x70},
        {"without a policy", "truncated", false, 10, 0x20},
        {"with AES", "cipher", false, 13, 0x26},
        {"with AES-128", "cipher", false, 14, 0x01},
        {"with CFB", "cipher", false, 17, 0x44},
        {"without a scheme", "scheme", false, 19, 0x18},
        {"on P-256", "P-256", false, 21, 0x04},
        {"without a kdf", "scheme", false, 23, 0x20},
        {"with a whole x", "truncated", false, 25, 0x41},
        {"RSA-2048", "2048", true, 20, 0x0c},
        {"with exponent 65537", "exponent", true, 25, 0x03},
        {"with a modulus of 2048 bits", "modulus", true, 28, 0x00},
        {"with an odd modulus", "modulus", true, 283, 0x00},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Buffer buffer = from_vector(rows[i].rsa ? "target-legacy-rsa-primary.tpm2b_public"
                                                : "target-srk.tpm2b_public");
        Reason reason = {0};

        buffer.bytes[rows[i].offset] = rows[i].value;
        if (parse_key(&buffer, &reason) != OUTCOME_MALFORMED || !strstr(reason.text, rows[i].words))
            fail_msg("a storage key is %s: \"%s\"", rows[i].rule, reason.text);
    }
}

/* --- wrapping --- */

/* A storage key of which the first key above is the private part: the template of the SRK and its
 * point. */
static Buffer known_parent(void)
{
    Buffer buffer = from_vector("target-srk.tpm2b_public"),
           point = from_hex(agreements[0].ephemeral);

    memcpy(buffer.bytes + 26, point.bytes, 32);
    memcpy(buffer.bytes + 60, point.bytes + 32, 32);
    return buffer;
}

/* The whole blob, by Python's hashlib, hmac and cryptography from the specification's text: parent
 * as above, blinding value 0x11 each, ephemeral key 0x22 each, key 1 to 32, no policy. */
static void test_wrap_known_answer(void **state)
{
    static const char blinding[] =
        "1111111111111111111111111111111111111111111111111111111111111111";
    static const char ephemeral[] =
        "2222222222222222222222222222222222222222222222222222222222222222";
    static const uint8_t policy[TPM_POLICY_BYTES];
    Context context = scripted(blinding, ephemeral, NULL);
    Buffer parent_bytes = known_parent(),
           expected = from_hex("006c00201ce113c4126d681db6a8559b31776a567727d4f832a91f107298e5e8"
                               "ecae0fc982d9af143e62f2aa536f8ab8bcd004e873c20a465c70c16ed4dffaa5"
                               "e2ff105e5183335c3410418034264e3eb0acf645b5a27fa937f8c4faf2a85cf5"
                               "2e72b515457394ad15710b70898e004e0008000b000004000020000000000000"
                               "0000000000000000000000000000000000000000000000000000001000205f49"
                               "8669df6aac1ba5d3bd4da0260e2c5e1fde76f7de39d6709a7f513fb1b2b10044"
                               "0020d65a93977caa3d1b081852ff57a79e465f1660577304baead505dd3a4858"
                               "9cf3002050185e895372df6221ea3a137557e473fddb6755f05bd507c3c533fc"
                               "e9c91285");
    _cleanup_(secret_freep) Secret *key = test_secret_of(TPM_KEY_BYTES);
    _cleanup_(bytes_done) Bytes blob = {0};
    TpmStorageKey parent;
    TpmBlob parsed;

    (void)state;
    assert_int_equal(tpm_storage_key_parse(view_of(&parent_bytes), NULL, &parent), 0);
    assert_int_equal(tpm_wrap(&context, &parent, key, policy, NULL, &blob), 0);
    assert_true(bytes_view_equal(bytes_view(&blob), view_of(&expected)));
    assert_int_equal(
        tpm_blob_parse(bytes_view(&blob), (BytesView){policy, sizeof(policy)}, NULL, &parsed), 0);
    assert_int_equal(parsed.public_part.publicArea.objectAttributes, TPM_WRAPPED_ATTRIBUTES);
}

/* Two seals of one key have nothing in common that reveals it. */
static void test_wraps_are_fresh(void **state)
{
    static const uint8_t policy[TPM_POLICY_BYTES] = {1};
    Context context = test_context(NULL);
    Buffer parents[] = {known_parent(), from_vector("target-legacy-rsa-primary.tpm2b_public")};
    _cleanup_(secret_freep) Secret *key = test_secret_of(TPM_KEY_BYTES);

    (void)state;
    for (size_t i = 0; i < COUNT(parents); i++) {
        _cleanup_(bytes_done) Bytes a = {0}, b = {0};
        TpmStorageKey parent;

        assert_int_equal(tpm_storage_key_parse(view_of(&parents[i]), NULL, &parent), 0);
        assert_int_equal(tpm_wrap(&context, &parent, key, policy, NULL, &a), 0);
        assert_int_equal(tpm_wrap(&context, &parent, key, policy, NULL, &b), 0);
        assert_int_equal(a.size, b.size);
        /* HMAC, ciphertext, unique part, shared secret */
        assert_memory_not_equal(a.data + 4, b.data + 4, 16);
        assert_memory_not_equal(a.data + 36, b.data + 36, 16);
        assert_memory_not_equal(a.data + a.size - 16, b.data + b.size - 16, 16);
        assert_null(memmem(a.data, a.size, secret_view(key).data, 8));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ecdh_known_answer),
        cmocka_unit_test(test_points_that_are_none),
        cmocka_unit_test(test_no_bit_of_a_point_may_change),
        cmocka_unit_test(test_kdf_known_answers),
        cmocka_unit_test(test_cfb_known_answer),
        cmocka_unit_test(test_oaep),
        cmocka_unit_test(test_storage_keys),
        cmocka_unit_test(test_storage_keys_cut_or_longer),
        cmocka_unit_test(test_no_bit_of_a_p256_key_may_change),
        cmocka_unit_test(test_no_bit_of_an_rsa_key_but_its_modulus_may_change),
        cmocka_unit_test(test_storage_key_fields),
        cmocka_unit_test(test_wrap_known_answer),
        cmocka_unit_test(test_wraps_are_fresh),
    };
    Context context;

    if (context_system(&context) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
