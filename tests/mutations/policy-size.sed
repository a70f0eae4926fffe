# Breaks: the size of a policy file
# Limit: LIMIT_POLICY_BYTES
# File: lib/policy/policy_load.c
# Test: policy_load
s/LIMIT_POLICY_BYTES, &reason/2 * LIMIT_POLICY_BYTES, \&reason/
