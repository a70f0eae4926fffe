# Breaks: that a policy that is rendered later is not a missing one
# File: lib/policy/policy_load.c
# Test: policy_load test_untrusted
s/if \(size < 0\)/if (size < 0 || size > 0)/
