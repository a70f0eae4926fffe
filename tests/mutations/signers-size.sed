# Breaks: the size of a file of allowed signers
# Limit: LIMIT_SIGNERS_BYTES
# File: lib/fleet/allowed_signers.c
# Test: allowed_signers test_limits
s/file.size > LIMIT_SIGNERS_BYTES/file.size > 2 * LIMIT_SIGNERS_BYTES/
