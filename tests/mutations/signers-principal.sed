# Breaks: the length of a signer's name
# Limit: LIMIT_PRINCIPAL_BYTES
# File: lib/fleet/allowed_signers.c
# Test: allowed_signers test_limits
s/strlen\(name\) <= LIMIT_PRINCIPAL_BYTES/strlen(name) <= 2 * LIMIT_PRINCIPAL_BYTES/
