# Breaks: the length of a name that is to be sealed
# Limit: LIMIT_SEALED_NAME_BYTES
# File: lib/base/names.c
# Test: names
s/file_name_valid\(name, LIMIT_SEALED_NAME_BYTES/file_name_valid(name, 2 * LIMIT_SEALED_NAME_BYTES/
