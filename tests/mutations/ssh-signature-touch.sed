# Breaks: that somebody touched the token
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_vectors
s/!\(details.data\[0\] & FLAG_USER_PRESENT\)/details.size == 0/
