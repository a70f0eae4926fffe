# Breaks: the size of fleet.json
# Limit: LIMIT_FLEET_FILE_BYTES
# File: lib/fleet/fleet_file.c
# Test: fleet_file test_limits
s/text.size > LIMIT_FLEET_FILE_BYTES/text.size > 2 * LIMIT_FLEET_FILE_BYTES/
