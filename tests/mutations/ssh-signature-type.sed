# Breaks: that the signature is of the key's type
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_vectors
s/!is\(name, type_names\[key.type\]\)/name.size == 0/
