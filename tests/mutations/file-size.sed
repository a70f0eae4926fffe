# Breaks: the size of a credential file
# Limit: LIMIT_FILE_BYTES
# File: lib/credential/format.c
# Test: format
s/file.size > LIMIT_FILE_BYTES/file.size > 2 * LIMIT_FILE_BYTES/
