# Breaks: that no set follows a damaged one before a reset
# File: broker/courier/judgement.c
# Test: offer_refused test_damaged_bundles
s/return r > 0 \? OUTCOME_STORE_UNSAFE : r;/return r > 0 ? 0 : r;/
