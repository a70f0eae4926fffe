# Breaks: that a signature has only one text
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_vectors
s/r == 0 && !bytes_view_equal\(bytes_view\(&again\), armor\)/r == 0 \&\& again.size == 0/
