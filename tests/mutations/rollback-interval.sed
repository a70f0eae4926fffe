# Breaks: the time between two increments of the counter
# Limit: LIMIT_ROLLBACK_USEC
# File: broker/request/rollback_guard.c
# Test: rollback_guard test_load
s/if \(!guard->resumes && guard->due > now\)/if (false \&\& guard->due > now)/
