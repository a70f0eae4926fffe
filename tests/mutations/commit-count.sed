# Breaks: the number of changes of a commit
# File: lib/store/commit.c
# Test: commit test_limits
s/commit->count > STORE_COMMIT_CHANGES_MAX/false/
