# Breaks: that a reset is over, even if the next set is damaged in the same way
# File: lib/fleet/fleet_commit.c
# Test: offer_refused test_damaged_bundles
s/\&reset\) != OUTCOME_NOT_FOUND\)/\&reset) == -1)/
