# Breaks: that a request comes from an abstract address
# File: lib/policy/address.c
# Test: address
s/part.size != 1 \|\| part.data\[0\] != 0/part.size != 1/
