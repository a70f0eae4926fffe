/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of generated secrets: their form, that all characters are equally likely, and that OpenSSH
 * reads our keys and computes the same public halves.
 */

#include "support.h"

#include "crypto/generate.h"

#include <sodium.h>
#include <string.h>

static Secret *generate(const Context *context, const Recipe *recipe)
{
    Secret *secret;

    assert_int_equal(generate_secret(context, recipe, "web@key", NULL, &secret), 0);
    return secret;
}

static Context real_context(void)
{
    Context context;

    assert_int_equal(context_system(&context), 0);
    return context;
}

/* Whether TEXT matches FORM: "x" is a hexadecimal digit, "v" one of 89ab, "*" any character of
 * base64. */
static bool has_form(const Secret *secret, const char *form)
{
    BytesView text = secret_view(secret);

    if (text.size != strlen(form))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        const char *set = form[i] == 'x'   ? "0123456789abcdef"
                          : form[i] == 'v' ? "89ab"
                          : form[i] == '*' ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                             "0123456789+/"
                                           : (char[]){form[i], '\0'};

        if (text.data[i] == 0 || !strchr(set, text.data[i]))
            return false;
    }
    return true;
}

static void test_forms(void **state)
{
    static const struct {
        RecipeType type;
        size_t length;
        const char *form;
    } rows[] = {
        {RECIPE_HEX, 8, "xxxxxxxxxxxxxxxx"},
        {RECIPE_BASE64, 8, "***********="},
        {RECIPE_BASE64, 9, "************"},
        {RECIPE_BASE64, 10, "**************=="},
        {RECIPE_UUID, 0, "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx"},
        {RECIPE_X25519, 0, "*******************************************="},
        {RECIPE_PASSWORD, 16, "xxxxxxxxxxxxxxxx"},
    };
    Context context = real_context();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Recipe recipe = recipe_default(rows[i].type);
        _cleanup_(secret_freep) Secret *first = NULL, *second = NULL;

        recipe.length = rows[i].length;
        if (recipe.type == RECIPE_PASSWORD)
            assert_int_equal(recipe_set_alphabet(&recipe, "0123456789abcdef", NULL), 0);
        first = generate(&context, &recipe);
        second = generate(&context, &recipe);
        assert_true(has_form(first, rows[i].form) && has_form(second, rows[i].form));
        assert_false(secret_equal(first, second));
    }
}

/* 95 does not divide 256: naively, the first 66 characters would be drawn half again as often. */
static void test_passwords_are_fair(void **state)
{
    Context context = real_context();
    Recipe recipe = recipe_default(RECIPE_PASSWORD);
    unsigned counts[256] = {0};
    size_t drawn = 0;
    char alphabet[RECIPE_ALPHABET_MAX + 1] = "";

    (void)state;
    for (size_t i = 0; i < RECIPE_ALPHABET_MAX; i++)
        alphabet[i] = (char)(' ' + i);
    assert_int_equal(recipe_set_alphabet(&recipe, alphabet, NULL), 0);
    recipe.length = LIMIT_RECIPE_LENGTH;
    for (; drawn < 200 * LIMIT_RECIPE_LENGTH; drawn += LIMIT_RECIPE_LENGTH) {
        _cleanup_(secret_freep) Secret *secret = generate(&context, &recipe);

        assert_int_equal(secret_size(secret), LIMIT_RECIPE_LENGTH);
        for (size_t i = 0; i < LIMIT_RECIPE_LENGTH; i++)
            counts[secret_view(secret).data[i]]++;
    }
    /* 2156 expected, with a standard deviation of 46: six of those to either side */
    for (size_t i = 0; i < RECIPE_ALPHABET_MAX; i++) {
        unsigned count = counts[(unsigned char)alphabet[i]];

        if (count < 1880 || count > 2432)
            fail_msg("'%c' was drawn %u times", alphabet[i], count);
    }
}

/* The key pair of RFC 7748, 6.1 (Alice). */
static void test_x25519_public(void **state)
{
    static const Recipe recipe = {.type = RECIPE_X25519};
    static const struct {
        const char *secret;
        int rc;
    } refused[] = {{"", OUTCOME_MALFORMED},
                   {"AAAA", OUTCOME_MALFORMED},
                   {"not base64 at all, not a bit of it", OUTCOME_MALFORMED}};
    uint8_t bytes[32];
    char base64[45];
    _cleanup_(secret_freep) Secret *secret = NULL;
    _cleanup_(bytes_done) Bytes public = {0};

    (void)state;
    sodium_hex2bin(bytes, 32, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
                   64, NULL, NULL, NULL);
    sodium_bin2base64(base64, sizeof(base64), bytes, 32, sodium_base64_VARIANT_ORIGINAL);
    secret = test_secret(base64);
    assert_int_equal(generate_public(&recipe, secret, "web@key", NULL, &public), 0);
    sodium_hex2bin(bytes, 32, "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
                   64, NULL, NULL, NULL);
    sodium_bin2base64(base64, sizeof(base64), bytes, 32, sodium_base64_VARIANT_ORIGINAL);
    assert_int_equal(public.size, 45);
    assert_memory_equal(public.data, base64, 44);
    assert_int_equal(public.data[44], '\n');
    for (size_t i = 0; i < COUNT(refused); i++) {
        _cleanup_(secret_freep) Secret *bad = test_secret(refused[i].secret);
        Bytes none;

        assert_int_equal(generate_public(&recipe, bad, "", NULL, &none), refused[i].rc);
    }
}

/* With every cut and every flipped bit, the key is refused or still yields a public key. */
static void test_ssh_damaged(void **state)
{
    static const Recipe recipe = {.type = RECIPE_SSH_ED25519};
    Context context = real_context();
    _cleanup_(secret_freep) Secret *secret = generate(&context, &recipe);
    BytesView text = secret_view(secret);

    (void)state;
    for (size_t size = 0; size < text.size - 1; size++) {
        _cleanup_(secret_freep) Secret *cut = NULL;
        Bytes public;

        assert_int_equal(secret_new_from((BytesView){text.data, size}, NULL, &cut), 0);
        assert_int_equal(generate_public(&recipe, cut, "", NULL, &public), OUTCOME_MALFORMED);
    }
    for (size_t bit = 0; bit < text.size * 8; bit++) {
        _cleanup_(secret_freep) Secret *flipped = NULL;
        _cleanup_(bytes_done) Bytes public = {0};
        int r;

        assert_int_equal(secret_new_from(text, NULL, &flipped), 0);
        secret_borrow(flipped)[bit / 8] ^= (uint8_t)(1 << bit % 8);
        r = generate_public(&recipe, flipped, "", NULL, &public);
        assert_true(r == 0 || r == OUTCOME_MALFORMED);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_passwords_are_fair),
        cmocka_unit_test(test_x25519_public),
        cmocka_unit_test(test_ssh_damaged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
