# Breaks: the digest of a signature
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_reasons
s/!is\(hash, HASH\)/hash.size == 0/
