/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "base/recipe.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough digits for LIMIT_RECIPE_LENGTH, and too few to overflow. */
#define RECIPE_LENGTH_DIGITS 6U

static const char letters_and_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

const struct RecipeTypeInfo recipe_types[_RECIPE_TYPE_MAX] = {
    [RECIPE_PASSWORD] = {"password", 32, false},     [RECIPE_HEX] = {"hex", 32, false},
    [RECIPE_BASE64] = {"base64", 32, false},         [RECIPE_UUID] = {"uuid", 0, false},
    [RECIPE_SSH_ED25519] = {"ssh-ed25519", 0, true}, [RECIPE_X25519] = {"x25519", 0, true},
};

Recipe recipe_default(RecipeType type)
{
    Recipe recipe = {.type = type, .length = recipe_types[type].length};

    if (type == RECIPE_PASSWORD)
        strcpy(recipe.alphabet, letters_and_digits);
    return recipe;
}

bool recipe_type_from_name(const char *name, RecipeType *ret)
{
    for (int i = 0; i < _RECIPE_TYPE_MAX; i++)
        if (strcmp(recipe_types[i].name, name) == 0) {
            *ret = (RecipeType)i;
            return true;
        }
    return false;
}

int recipe_set_alphabet(Recipe *recipe, const char *alphabet, Reason *reason)
{
    for (const char *c = alphabet; *c; c++) {
        if (*c < ' ' || *c > '~')
            return reason_set(reason, OUTCOME_USAGE,
                              "the alphabet contains other characters than printable ASCII");
        if (strchr(c + 1, *c))
            return reason_set(reason, OUTCOME_USAGE, "the alphabet contains \"%c\" twice", *c);
    }
    /* fits, because no character occurs twice */
    if (strlen(alphabet) < 2)
        return reason_set(reason, OUTCOME_USAGE, "the alphabet has fewer than two characters");
    strcpy(recipe->alphabet, alphabet);
    return 0;
}

/* Whether there are at least 2^LIMIT_RECIPE_BITS words of LENGTH letters from COUNT. */
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

    if (recipe_types[recipe->type].length == 0)
        return 0;
    if (recipe->length > LIMIT_RECIPE_LENGTH)
        return reason_set(reason, OUTCOME_USAGE, "%zu %s are too many: at most %zu are allowed",
                          recipe->length, unit, LIMIT_RECIPE_LENGTH);
    if (!is_hard_to_guess(recipe->length, password ? strlen(recipe->alphabet) : 256))
        return reason_set(reason, OUTCOME_USAGE,
                          "it could be guessed: %zu %s%s have less than %d bits of randomness",
                          recipe->length, unit, password ? " of this alphabet" : "",
                          LIMIT_RECIPE_BITS);
    return 0;
}

int recipe_parse(const char *text, Reason *reason, Recipe *ret)
{
    const char *colon = strchrnul(text, ':');
    Recipe recipe;
    char name[16];
    RecipeType type;
    size_t digits;
    int r;

    snprintf(name, sizeof(name), "%.*s", (int)(colon - text), text);
    if ((size_t)(colon - text) >= sizeof(name) || !recipe_type_from_name(name, &type))
        return reason_set(
            reason, OUTCOME_USAGE,
            "\"%.40s\" is not a recipe: use password, hex or base64, also with a length "
            "(password:40), or uuid, ssh-ed25519, x25519",
            text);
    recipe = recipe_default(type);
    if (*colon) {
        digits = strspn(colon + 1, "0123456789");
        if (recipe_types[type].length == 0)
            return reason_set(reason, OUTCOME_USAGE, "the length of \"%s\" is fixed", name);
        if (digits == 0 || digits > RECIPE_LENGTH_DIGITS || colon[1 + digits] != '\0')
            return reason_set(reason, OUTCOME_USAGE,
                              "\"%.40s\" is not a length: use a number up to %zu", colon + 1,
                              LIMIT_RECIPE_LENGTH);
        recipe.length = strtoul(colon + 1, NULL, 10);
    }
    r = recipe_check(&recipe, reason);
    if (r == 0)
        *ret = recipe;
    return r;
}
