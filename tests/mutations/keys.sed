# Breaks: the number of keys that are kept
# Limit: LIMIT_KEYS
# File: broker/request/key_cache.c
# Test: key_cache
s/i < cache->config->keys_max/i < 100 * cache->config->keys_max/
