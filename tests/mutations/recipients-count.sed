# Breaks: the number of a fleet's recipients
# Limit: LIMIT_RECIPIENTS
# File: cli/fleet/masters.c
# Test: masters test_many_recipients
s/recipients->count == LIMIT_RECIPIENTS/recipients->count == LIMIT_RECIPIENTS - 1/
