# Breaks: that the policy used longest ago makes room for another one
# Limit: LIMIT_POLICIES
# File: lib/policy/policy_load.c
# Test: policy_load
s/used < oldest->used/used > oldest->used/
