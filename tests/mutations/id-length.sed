# Breaks: the length of a credential id
# Limit: LIMIT_ID_BYTES
# File: lib/base/names.c
# Test: names
s/file_name_valid\(id, LIMIT_ID_BYTES/file_name_valid(id, 2 * LIMIT_ID_BYTES/
