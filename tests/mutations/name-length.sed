# Breaks: the length of machine and id together
# Limit: LIMIT_MACHINE_AND_ID_BYTES
# File: lib/base/names.c
# Test: names
s/strlen\(id\) > LIMIT_MACHINE_AND_ID_BYTES/strlen(id) > 2 * LIMIT_MACHINE_AND_ID_BYTES/
