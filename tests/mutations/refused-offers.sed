# Breaks: refused offers are remembered
# Limit: LIMIT_REFUSED_USEC
# File: broker/courier/refusals.c
# Test: offer test_other_bytes_with_the_same_statement
s/now \+ LIMIT_REFUSED_USEC/now/
