# Breaks: a damaged set is not blamed on what the fleet has signed
# File: lib/fleet/fleet_set.c
# Test: fleet_set test_bad_bundles
s/return r == OUTCOME_BAD_BUNDLE \|\| r == OUTCOME_TOO_LARGE \? OUTCOME_STORE_UNSAFE : r;/return r;/
