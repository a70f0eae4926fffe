/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recipes for secrets. See recipe.h.
 */

#include "base/recipe.h"

#include <stdint.h>
#include <string.h>

static const char letters_and_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static const struct {
    const char *name;
    size_t length; /* the default; 0 if there is nothing to choose */
    bool pair;
} types[_RECIPE_TYPE_MAX] = {
    [RECIPE_PASSWORD] = {"password", 32, false},     [RECIPE_HEX] = {"hex", 32, false},
    [RECIPE_BASE64] = {"base64", 32, false},         [RECIPE_UUID] = {"uuid", 0, false},
    [RECIPE_SSH_ED25519] = {"ssh-ed25519", 0, true}, [RECIPE_X25519] = {"x25519", 0, true},
};

Recipe recipe_default(RecipeType type)
{
    Recipe recipe = {.type = type, .length = types[type].length};

    if (type == RECIPE_PASSWORD)
        strcpy(recipe.alphabet, letters_and_digits);
    return recipe;
}

bool recipe_type_from_name(const char *name, RecipeType *ret)
{
    for (int i = 0; i < _RECIPE_TYPE_MAX; i++)
        if (strcmp(types[i].name, name) == 0) {
            *ret = (RecipeType)i;
            return true;
        }
    return false;
}

const char *recipe_type_name(RecipeType type)
{
    return types[type].name;
}

bool recipe_type_has_length(RecipeType type)
{
    return types[type].length > 0;
}

bool recipe_type_is_pair(RecipeType type)
{
    return types[type].pair;
}

int recipe_set_alphabet(Recipe *recipe, const char *alphabet, Reason *reason)
{
    for (const char *c = alphabet; *c; c++) {
        if (*c < ' ' || *c > '~')
            return reason_set(reason, OUTCOME_USAGE,
                              "an alphabet has printable ASCII characters only");
        if (strchr(c + 1, *c))
            return reason_set(reason, OUTCOME_USAGE, "the alphabet has \"%c\" twice", *c);
    }
    /* which fits, for none is there twice */
    if (strlen(alphabet) < 2)
        return reason_set(reason, OUTCOME_USAGE, "an alphabet has at least two characters");
    strcpy(recipe->alphabet, alphabet);
    return 0;
}

/* Whether there are at least 2^LIMIT_RECIPE_BITS words of LENGTH letters out of COUNT. */
static bool is_hard_to_guess(size_t length, size_t count)
{
    _Static_assert(LIMIT_RECIPE_BITS == 64, "what a uint64_t has");
    uint64_t words = 1;

    for (size_t i = 0; i < length; i++)
        if (__builtin_mul_overflow(words, (uint64_t)count, &words))
            return true;
    return false;
}

int recipe_check(const Recipe *recipe, Reason *reason)
{
    bool password = recipe->type == RECIPE_PASSWORD;
    const char *unit = password ? "characters" : "bytes";

    if (!recipe_type_has_length(recipe->type))
        return 0;
    if (recipe->length > LIMIT_RECIPE_LENGTH)
        return reason_set(reason, OUTCOME_USAGE, "%zu %s are too many: at most %zu", recipe->length,
                          unit, LIMIT_RECIPE_LENGTH);
    if (!is_hard_to_guess(recipe->length, password ? strlen(recipe->alphabet) : 256))
        return reason_set(reason, OUTCOME_USAGE,
                          "it could be guessed: %zu %s%s have less than %d bits of randomness",
                          recipe->length, unit, password ? " of this alphabet" : "",
                          LIMIT_RECIPE_BITS);
    return 0;
}
