# Breaks: the number of ingredients of a request
# Limit: LIMIT_REQUEST_INGREDIENTS
# File: broker/request/resolution.c
# Test: obedience
s/resolution->count == LIMIT_REQUEST_INGREDIENTS/false/
