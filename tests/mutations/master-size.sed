# Breaks: the size of an encrypted master
# Limit: LIMIT_MASTER_BYTES
# File: cli/fleet/masters.c
# Test: masters test_commands_that_fail
s/value, LIMIT_MASTER_BYTES/value, 2 * LIMIT_MASTER_BYTES/
