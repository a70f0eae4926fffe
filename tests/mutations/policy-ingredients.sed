# Breaks: the number of ingredients that a policy is checked for
# Limit: LIMIT_REQUEST_INGREDIENTS
# File: lib/policy/policy.c
# Test: policy
s/> LIMIT_REQUEST_INGREDIENTS/> 2 * LIMIT_REQUEST_INGREDIENTS/
