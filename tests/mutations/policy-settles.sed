# Breaks: that a policy that was just written is read again
# File: lib/policy/policy_load.c
# Test: policy_load
s/ \+ SETTLING_USEC > loader->now/ > loader->now/
