# Breaks: the length of the name in a credential
# Limit: LIMIT_SEALED_NAME_BYTES
# File: lib/credential/format.c
# Test: format
s/size > LIMIT_SEALED_NAME_BYTES/size > 2 * LIMIT_SEALED_NAME_BYTES/
