# Breaks: the size of a host's identity
# Limit: LIMIT_IDENTITY_BYTES
# File: lib/credential/identity.c
# Test: identity test_limits
s/file\.size > LIMIT_IDENTITY_BYTES/false/
