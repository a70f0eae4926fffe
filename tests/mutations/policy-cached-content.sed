# Breaks: that a policy is loaded again when one of its files has changed
# File: lib/policy/policy_load.c
# Test: policy_load
/^static bool stamps_match/,/^}/s/return false/return true/
