# Breaks: that an empty secret is refused
# File: broker/request/request.c
# Test: connection test_refusals
s/secret_size\(value\) == 0/false/
