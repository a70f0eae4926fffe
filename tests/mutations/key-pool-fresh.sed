# Breaks: that a fresh key is for one credential
# File: lib/seal/reseal.c
# Test: key_pool test_keys
s/if \(pool->seal.spec->fresh_key\)/if (false \&\& pool->seal.spec->fresh_key)/
