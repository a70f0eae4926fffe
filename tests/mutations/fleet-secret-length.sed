# Breaks: the length of a secret's name in a fleet
# Limit: LIMIT_FLEET_SECRET_BYTES
# File: lib/fleet/fleet_file.c
# Test: fleet_file test_limits
s/strlen\(name\) <= LIMIT_FLEET_SECRET_BYTES/strlen(name) <= 2 * LIMIT_FLEET_SECRET_BYTES/
