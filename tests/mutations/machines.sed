# Breaks: the number of machines that are listed
# Limit: LIMIT_MACHINES
# File: lib/store/store.c
# Test: store test_too_many
s/count < LIMIT_MACHINES/count < 2 * LIMIT_MACHINES/
