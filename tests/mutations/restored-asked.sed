# Breaks: that a previous value comes back only if root's policy says so
# File: apply/apply.c
# Test: apply test_previous
s/if \(r == 0 && credential && credential->on_failure == POLICY_PREVIOUS\)/if (r == 0 \&\& credential)/
