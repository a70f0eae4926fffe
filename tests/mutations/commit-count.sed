# Breaks: the number of changes of a commit
# Limit: LIMIT_COMMIT_CHANGES
# File: lib/store/commit.c
# Test: commit test_limits
s/commit->count > LIMIT_COMMIT_CHANGES/false/
