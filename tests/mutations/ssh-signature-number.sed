# Breaks: that a number has only one form
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_vectors
s/number.size > 1 && number.data\[1\] >= 0x80/number.size > 1/
