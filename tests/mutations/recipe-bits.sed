# Breaks: the randomness of a generated secret
# Limit: LIMIT_RECIPE_BITS
# File: lib/base/recipe.c
# Test: recipe
s/!is_hard_to_guess/false \&\& !is_hard_to_guess/
