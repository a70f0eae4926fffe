# Breaks: how long a lock is waited for
# Limit: LIMIT_LOCK_USEC
# File: lib/base/fsutil.c
# Test: dirlock test_how_long
s/waited >= usec/waited >= 2 * usec/
