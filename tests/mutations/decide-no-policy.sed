# Breaks: that nothing is delivered live without a policy
# File: lib/policy/decision.c
# Test: live
s/if \(!credential && purpose->delivery == POLICY_BOOT\)/if (!credential)/
