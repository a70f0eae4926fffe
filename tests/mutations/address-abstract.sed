# Breaks: that a request comes from an abstract address
# File: lib/policy/address.c
# Test: address
s/path.data\[0\] != 0/false/
