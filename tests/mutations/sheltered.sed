# Breaks: the number of sheltered connections
# Limit: LIMIT_SHELTERED
# File: broker/process/shelter.c
# Test: shelter test_full
s/if \(shelter->count < LIMIT_SHELTERED && /if (shelter->count < LIMIT_SHELTERED - 1 \&\& /
