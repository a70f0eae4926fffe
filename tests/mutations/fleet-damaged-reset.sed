# Breaks: that a reset lets a set follow a damaged one
# File: lib/fleet/fleet_set.c
# Test: offer_refused test_damaged_bundles
s/if \(r == OUTCOME_BAD_BUNDLE \&\& reset\)/if (false \&\& r == OUTCOME_BAD_BUNDLE \&\& reset)/
