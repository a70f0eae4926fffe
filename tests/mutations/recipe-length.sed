# Breaks: the length of a generated secret
# Limit: LIMIT_RECIPE_LENGTH
# File: lib/base/recipe.c
# Test: recipe
s/recipe->length > LIMIT_RECIPE_LENGTH/recipe->length > 2 * LIMIT_RECIPE_LENGTH/
