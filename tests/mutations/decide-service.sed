# Breaks: that a live credential goes to its services alone
# File: lib/policy/decision.c
# Test: live
s/purpose->delivery == POLICY_LIVE && !names_unit/false \&\& !names_unit/
