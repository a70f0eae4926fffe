# Breaks: that a policy that was just written is read again
# File: lib/policy/policy_cache.c
# Test: policy_load
s/ \+ SETTLED_USEC > \(int64_t\)now/ > (int64_t)now/
