# Breaks: how often a reader looks again at a store that changes
# Limit: LIMIT_STORE_LOOKS
# File: lib/store/store.c
# Test: store test_disturbed
# Lines: 2
s/i < LIMIT_STORE_LOOKS/i < 2 * LIMIT_STORE_LOOKS/
