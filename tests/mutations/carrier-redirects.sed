# Breaks: the number of redirections
# Limit: LIMIT_CARRIER_REDIRECTS
# File: courier/http.c
# Test: courier
s/MAXREDIRS, LIMIT_CARRIER_REDIRECTS/MAXREDIRS, 4L/
