# Breaks: how often a lock is tried
# Limit: LIMIT_LOCK_STEP_USEC
# File: lib/base/fsutil.c
# Test: dirlock test_how_long
s/tv_nsec = LIMIT_LOCK_STEP_USEC/tv_nsec = LIMIT_LOCK_STEP_USEC \/ 10/
