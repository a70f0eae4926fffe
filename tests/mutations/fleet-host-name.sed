# Breaks: the length of a host's name in a fleet
# Limit: LIMIT_FLEET_HOST_BYTES
# File: lib/fleet/fleet_config.c
# Test: fleet_config test_invalid
s/fleet_label_valid\(name, LIMIT_FLEET_HOST_BYTES\)/fleet_label_valid(name, LIMIT_FLEET_HOST_BYTES + 1)/
