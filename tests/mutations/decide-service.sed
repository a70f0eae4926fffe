# Breaks: that a live credential goes to its services alone
# File: lib/policy/decision.c
# Test: live
s/purpose->delivery == POLICY_LIVE && credential->service_count > 0/false/
