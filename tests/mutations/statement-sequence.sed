# Breaks: the highest sequence of a statement
# Limit: LIMIT_FLEET_SEQUENCE
# File: lib/fleet/statement.c
# Test: statement
s/text, LIMIT_FLEET_SEQUENCE/text, 2 * LIMIT_FLEET_SEQUENCE/
