# Breaks: how long a key is kept in all
# Limit: LIMIT_KEY_USEC
# File: broker/request/key_cache.c
# Test: key_cache
s/entry->added \+ cache->config->key_usec/entry->added + 1000 * cache->config->key_usec/
