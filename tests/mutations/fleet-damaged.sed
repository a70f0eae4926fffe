# Breaks: that no set follows a damaged one before a reset
# File: broker/courier/judgement.c
# Test: offer_refused test_damaged_bundles
s/if \(r == OUTCOME_NO_SET\)/if (r > 0)/
