# Breaks: the size of a signature
# Limit: LIMIT_SSH_SIGNATURE_BYTES
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_size
s/armor.size > LIMIT_SSH_SIGNATURE_BYTES/armor.size > 2 * LIMIT_SSH_SIGNATURE_BYTES/
