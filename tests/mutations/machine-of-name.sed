# Breaks: the length of the machine in MACHINE@ID
# Limit: LIMIT_MACHINE_BYTES
# File: lib/base/names.c
# Test: names
s/\(at - text\) > LIMIT_MACHINE_BYTES/(at - text) > 2 * LIMIT_MACHINE_BYTES/
