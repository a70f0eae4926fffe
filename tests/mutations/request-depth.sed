# Breaks: the depth of ingredients of a request
# Limit: LIMIT_REQUEST_DEPTH
# File: broker/request/resolution.c
# Test: obedience
s/[a-z]+->depth == LIMIT_REQUEST_DEPTH/false/
