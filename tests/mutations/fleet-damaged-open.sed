# Breaks: that a damaged set can be reset
# File: lib/fleet/fleet_set.c
# Test: offer_refused test_damaged_bundles
s/if \(r == OUTCOME_BAD_BUNDLE\) \{/if (false \&\& r == OUTCOME_BAD_BUNDLE) {/
