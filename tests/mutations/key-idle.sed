# Breaks: how long an unused key is kept
# Limit: LIMIT_KEY_IDLE_USEC
# File: broker/request/key_cache.c
# Test: key_cache
s/entry->used \+ cache->config->key_idle_usec/entry->used + 1000 * cache->config->key_idle_usec/
