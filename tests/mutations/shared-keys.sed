# Breaks: the number of keys that are tried before a fresh one is made
# Limit: LIMIT_SHARED_KEYS
# File: lib/store/shared_key.c
# Test: shared_key
s/keys->count < LIMIT_SHARED_KEYS\)/keys->count < LIMIT_SHARED_KEYS - 1)/
