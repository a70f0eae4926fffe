# Breaks: several refused offers are remembered
# Limit: LIMIT_REFUSED_OFFERS
# File: broker/courier/refusals.c
# Test: offer_refused test_several_refusals
s/% LIMIT_REFUSED_OFFERS/% 1/
