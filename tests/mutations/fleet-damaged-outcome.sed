# Breaks: a damaged set is not blamed on what the fleet has signed
# File: lib/fleet/fleet_set.c
# Test: fleet_set test_bad_bundles
s/if \(r == OUTCOME_BAD_BUNDLE \|\| r == OUTCOME_TOO_LARGE\)/if (false \&\& r == OUTCOME_BAD_BUNDLE)/
