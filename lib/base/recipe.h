/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Recipes for generated secrets: which type, how long, of which characters. This module checks that
 * they are good enough; crypto/generate.h generates the secret.
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
    RECIPE_X25519,      /* a key pair for WireGuard; the secret is base64 */
    _RECIPE_TYPE_MAX,
} RecipeType;

/* The largest alphabet: all printable ASCII characters, including the space. */
#define RECIPE_ALPHABET_MAX ((size_t)95)

typedef struct Recipe {
    RecipeType type;
    size_t length; /* characters of a password, bytes of hex and base64; else 0 */
    char alphabet[RECIPE_ALPHABET_MAX + 1]; /* of a password; else "" */
} Recipe;

/* The default recipe of TYPE: 32 letters and digits, or 32 bytes. */
Recipe recipe_default(RecipeType type);

/* Parses "password" and so on, as in policy files. False if there is no such type. */
bool recipe_type_from_name(const char *name, RecipeType *ret);

extern const struct RecipeTypeInfo {
    const char *name;
    size_t length; /* the default; 0 if it is fixed */
    bool pair;     /* it has a public half */
} recipe_types[_RECIPE_TYPE_MAX];

/* Sets the alphabet. OUTCOME_USAGE unless it has at least two characters, all printable ASCII, and
 * none of them twice, which would make that one likelier. */
int recipe_set_alphabet(Recipe *recipe, const char *alphabet, Reason *reason);

/* OUTCOME_USAGE if the secret could be guessed, with less than LIMIT_RECIPE_BITS of randomness, or
 * would be longer than LIMIT_RECIPE_LENGTH. */
int recipe_check(const Recipe *recipe, Reason *reason);

/* Parses and checks a recipe in one word, as on the command line: "password", "password:40",
 * "hex:32" and so on. The number counts characters for a password, and bytes otherwise.
 * OUTCOME_USAGE. */
int recipe_parse(const char *text, Reason *reason, Recipe *ret);
