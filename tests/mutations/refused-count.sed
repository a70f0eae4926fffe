# Breaks: several refused offers are remembered
# Limit: LIMIT_REFUSED_OFFERS
# File: broker/courier/refusals.c
# Test: offer test_several_refusals
s/% LIMIT_REFUSED_OFFERS/% 1/
