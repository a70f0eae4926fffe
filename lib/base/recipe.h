/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Recipes for secrets that nobody has to think up: which kind, how long, of which characters.
 *
 * A recipe says whether it is good enough; crypto/generate.h makes the secret.
 */

#include "base/limits.h"
#include "base/outcome.h"

#include <stdbool.h>

typedef enum RecipeType {
    RECIPE_PASSWORD,    /* LENGTH characters of ALPHABET */
    RECIPE_HEX,         /* LENGTH bytes, in lower-case hexadecimal */
    RECIPE_BASE64,      /* LENGTH bytes, in base64 with padding */
    RECIPE_UUID,        /* a random UUID (RFC 9562, version 4) */
    RECIPE_SSH_ED25519, /* a key pair; the secret is a file as ssh-keygen(1) writes it */
    RECIPE_X25519,      /* a key pair as WireGuard has it; the secret is base64 */
    _RECIPE_TYPE_MAX,
} RecipeType;

/* Printable ASCII characters, the space as well: what an alphabet can have at most. */
#define RECIPE_ALPHABET_MAX ((size_t)95)

typedef struct Recipe {
    RecipeType type;
    size_t length; /* characters of a password, bytes of hex and base64; else 0 */
    char alphabet[RECIPE_ALPHABET_MAX + 1]; /* of a password; else "" */
} Recipe;

/* The recipe of TYPE if nothing else is said: 32 letters and digits, 32 bytes. */
Recipe recipe_default(RecipeType type);

/* "password" and so on, as policy files have it. False if there is no such type. */
bool recipe_type_from_name(const char *name, RecipeType *ret);
const char *recipe_type_name(RecipeType type);

bool recipe_type_has_length(RecipeType type);
/* Whether it has a public half. */
bool recipe_type_is_pair(RecipeType type);

/* Puts ALPHABET into RECIPE. OUTCOME_USAGE unless it has at least two characters, all printable
 * ASCII, none of them twice: that would make it likelier than the others. */
int recipe_set_alphabet(Recipe *recipe, const char *alphabet, Reason *reason);

/* OUTCOME_USAGE if the secret would be guessed, with less than LIMIT_RECIPE_BITS of randomness, or
 * be longer than LIMIT_RECIPE_LENGTH. */
int recipe_check(const Recipe *recipe, Reason *reason);

/* A recipe in one word, as the command line has it: "password", "password:40", "hex:32" and so on;
 * the number is characters of a password, and bytes otherwise. OUTCOME_USAGE; it is checked. */
int recipe_parse(const char *text, Reason *reason, Recipe *ret);
