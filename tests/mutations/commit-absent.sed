# Breaks: that a new credential does not replace another one
# File: lib/store/commit.c
# Test: commit test_preconditions
s/change->precondition == STORE_ABSENT && there/false/
