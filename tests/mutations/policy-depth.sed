# Breaks: the depth of ingredients that a policy is checked for
# Limit: LIMIT_REQUEST_DEPTH
# File: lib/policy/policy.c
# Test: policy
s/([a-z]+->depth == LIMIT_REQUEST_DEPTH)/false \&\& \1/
