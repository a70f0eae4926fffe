# Breaks: the length of a fleet's name
# Limit: LIMIT_FLEET_NAME_BYTES
# File: lib/base/names.c
# Test: statement
s/length <= LIMIT_FLEET_NAME_BYTES/length <= 2 * LIMIT_FLEET_NAME_BYTES/
