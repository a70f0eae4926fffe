# Breaks: the depth of a varlink message
# Limit: LIMIT_JSON_DEPTH
# File: lib/protocol/varlink.c
# Test: varlink
s/LIMIT_JSON_DEPTH/100/
