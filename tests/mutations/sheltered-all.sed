# Breaks: the number of sheltered connections
# Limit: LIMIT_SHELTERED
# File: broker/process/shelter.c
# Test: shelter test_full
s/room = LIMIT_SHELTERED;/room = LIMIT_SHELTERED - 1;/
