# Breaks: the length of a fleet's name
# Limit: LIMIT_FLEET_NAME_BYTES
# File: lib/base/names.c
# Test: statement
s/fleet_label_valid\(name, LIMIT_FLEET_NAME_BYTES\)/fleet_label_valid(name, 2 * LIMIT_FLEET_NAME_BYTES)/
