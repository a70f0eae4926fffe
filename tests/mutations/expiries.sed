# Breaks: the number of times of expiry that are remembered
# Limit: LIMIT_EXPIRIES
# File: broker/request/expiries.c
# Test: expiries
s/expiries->count < LIMIT_EXPIRIES/expiries->count <= LIMIT_EXPIRIES/
