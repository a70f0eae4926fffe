# Breaks: the namespace of a signature
# File: lib/fleet/ssh_signature.c
# Test: ssh_signature test_reasons
s/!is\(namespace, SSH_SIGNATURE_NAMESPACE\)/namespace.size == 0/
