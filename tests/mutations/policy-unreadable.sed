# Breaks: that a policy that cannot be read is a bad one
# File: lib/policy/policy_load.c
# Test: policy_load
s/fd < 0 && errno == ENOENT/fd < 0/
