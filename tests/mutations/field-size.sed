# Breaks: the size of a field in the header of a credential
# Limit: LIMIT_FIELD_BYTES
# File: lib/credential/format.c
# Test: format
s/size > LIMIT_FIELD_BYTES/size > 2 * LIMIT_FIELD_BYTES/
