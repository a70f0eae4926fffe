/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tests of recipes: secrets that could be guessed are refused, others are accepted.
 */

#include "support.h"

#include "base/recipe.h"

#include <string.h>

static void test_types(void **state)
{
    (void)state;
    for (int i = 0; i < _RECIPE_TYPE_MAX; i++) {
        Recipe recipe = recipe_default((RecipeType)i);
        RecipeType type;

        assert_true(recipe_type_from_name(recipe_types[(RecipeType)i].name, &type));
        assert_int_equal(type, i);
        assert_int_equal(recipe_check(&recipe, NULL), 0);
        assert_true(recipe.length == recipe_types[type].length);
    }
    assert_true(recipe_types[RECIPE_SSH_ED25519].pair && recipe_types[RECIPE_X25519].pair);
    assert_false(recipe_types[RECIPE_UUID].pair);
    assert_false(recipe_type_from_name("Password", &(RecipeType){0}));
}

static void test_alphabets(void **state)
{
    static const struct {
        const char *alphabet;
        int rc;
    } rows[] = {
        {"", OUTCOME_USAGE},
        {"a", OUTCOME_USAGE},
        {"aa", OUTCOME_USAGE},
        {"abca", OUTCOME_USAGE},
        {"ab\n", OUTCOME_USAGE},
        {"ab\x7f", OUTCOME_USAGE},
        {"äb", OUTCOME_USAGE},
        {"ab", 0},
        {" ~", 0},
    };
    char all[RECIPE_ALPHABET_MAX + 1] = "";
    Recipe recipe = recipe_default(RECIPE_PASSWORD);

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(recipe_set_alphabet(&recipe, rows[i].alphabet, NULL), rows[i].rc);
    for (size_t i = 0; i < RECIPE_ALPHABET_MAX; i++)
        all[i] = (char)(' ' + i);
    assert_int_equal(recipe_set_alphabet(&recipe, all, NULL), 0);
    assert_string_equal(recipe.alphabet, all);
}

/* 64 bits, to the character. */
static void test_randomness(void **state)
{
    static const struct {
        RecipeType type;
        const char *alphabet;
        size_t length;
        int rc;
    } rows[] = {
        {RECIPE_PASSWORD, "01", 63, OUTCOME_USAGE},
        {RECIPE_PASSWORD, "01", 64, 0},
        {RECIPE_PASSWORD, "0123456789", 19, OUTCOME_USAGE}, /* 63.1 bits */
        {RECIPE_PASSWORD, "0123456789", 20, 0},
        {RECIPE_PASSWORD, NULL, 10, OUTCOME_USAGE}, /* 59.5 */
        {RECIPE_PASSWORD, NULL, 11, 0},
        {RECIPE_PASSWORD, NULL, LIMIT_RECIPE_LENGTH, 0},
        {RECIPE_PASSWORD, NULL, LIMIT_RECIPE_LENGTH + 1, OUTCOME_USAGE},
        {RECIPE_HEX, NULL, 7, OUTCOME_USAGE},
        {RECIPE_HEX, NULL, 8, 0},
        {RECIPE_BASE64, NULL, 0, OUTCOME_USAGE},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Recipe recipe = recipe_default(rows[i].type);
        Reason reason = {0};

        recipe.length = rows[i].length;
        if (rows[i].alphabet)
            assert_int_equal(recipe_set_alphabet(&recipe, rows[i].alphabet, NULL), 0);
        if (recipe_check(&recipe, &reason) != rows[i].rc)
            fail_msg("row %zu: %s", i, reason.text);
    }
}

/* Recipes as on the command line. */
static void test_words(void **state)
{
    static const struct {
        const char *text;
        int rc;
        RecipeType type;
        size_t length;
    } rows[] = {
        {"password", 0, RECIPE_PASSWORD, 32},
        {"password:40", 0, RECIPE_PASSWORD, 40},
        {"hex:16", 0, RECIPE_HEX, 16},
        {"base64:0032", 0, RECIPE_BASE64, 32},
        {"uuid", 0, RECIPE_UUID, 0},
        {"ssh-ed25519", 0, RECIPE_SSH_ED25519, 0},
        {"x25519", 0, RECIPE_X25519, 0},
        {"", OUTCOME_USAGE, 0, 0},
        {":", OUTCOME_USAGE, 0, 0},
        {"Password", OUTCOME_USAGE, 0, 0},
        {"pass", OUTCOME_USAGE, 0, 0},
        {"password ", OUTCOME_USAGE, 0, 0},
        {"passwordpasswordpassword", OUTCOME_USAGE, 0, 0},
        {"password:", OUTCOME_USAGE, 0, 0},
        {"password:+40", OUTCOME_USAGE, 0, 0},
        {"password: 40", OUTCOME_USAGE, 0, 0},
        {"password:40x", OUTCOME_USAGE, 0, 0},
        {"password:40:40", OUTCOME_USAGE, 0, 0},
        {"password:4", OUTCOME_USAGE, 0, 0},
        {"hex:1025", OUTCOME_USAGE, 0, 0},
        {"hex:18446744073709551648", OUTCOME_USAGE, 0, 0},
        {"uuid:16", OUTCOME_USAGE, 0, 0},
        {"x25519:32", OUTCOME_USAGE, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        Recipe recipe = {.length = 4711};
        Reason reason = {0};

        assert_int_equal(recipe_parse(rows[i].text, &reason, &recipe), rows[i].rc);
        assert_true((rows[i].rc == 0) == (reason.text[0] == '\0'));
        assert_int_equal(recipe.length, rows[i].rc == 0 ? rows[i].length : 4711);
        if (rows[i].rc == 0)
            assert_int_equal(recipe.type, rows[i].type);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_alphabets),
        cmocka_unit_test(test_randomness),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
