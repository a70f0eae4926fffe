# Breaks: the length of a machine name
# Limit: LIMIT_MACHINE_BYTES
# File: lib/base/names.c
# Test: names
s/length > LIMIT_MACHINE_BYTES/length > 2 * LIMIT_MACHINE_BYTES/
