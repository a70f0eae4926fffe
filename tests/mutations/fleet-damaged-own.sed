# Breaks: that a damaged set of the host's own is not blamed on the offer
# File: broker/courier/judgement.c
# Test: offer_refused test_damaged_bundles
s/return r > 0 \? OUTCOME_STORE_UNSAFE : r;/return r;/
