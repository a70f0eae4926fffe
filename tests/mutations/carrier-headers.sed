# Breaks: the size of header lines
# Limit: LIMIT_CARRIER_HEADERS
# File: courier/http.c
# Test: courier
s/receiver->headers > LIMIT_CARRIER_HEADERS/receiver->headers > 2 * LIMIT_CARRIER_HEADERS/
