# Breaks: the size of a credential in binary form
# Limit: LIMIT_SEALED_BYTES
# File: lib/credential/format.c
# Test: format
s/sealed.size > LIMIT_SEALED_BYTES/sealed.size > 2 * LIMIT_SEALED_BYTES/
