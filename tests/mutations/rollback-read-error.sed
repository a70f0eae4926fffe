# Breaks: that an entry that cannot be examined is not a missing one, and so no rollback
# File: lib/store/store.c
# Test: rollback_faults test_reads_fail
s/return errno == ENOENT \? OUTCOME_NOT_FOUND : -errno;/return OUTCOME_NOT_FOUND;/
