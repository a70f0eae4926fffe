# Breaks: refused offers are remembered
# Limit: LIMIT_REFUSED_USEC
# File: broker/courier/refusals.c
# Test: offer_refused test_several_refusals
s/now \+ LIMIT_REFUSED_USEC/now/
