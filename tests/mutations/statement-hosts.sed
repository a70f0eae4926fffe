# Breaks: the number of hosts of a fleet
# Limit: LIMIT_FLEET_HOSTS
# File: lib/fleet/statement.c
# Test: statement
s/text, LIMIT_FLEET_HOSTS/text, 2 * LIMIT_FLEET_HOSTS/
