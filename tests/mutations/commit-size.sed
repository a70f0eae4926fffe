# Breaks: the size of a commit
# Limit: LIMIT_COMMIT_BYTES
# File: lib/store/commit.c
# Test: commit test_limits
s/return bytes <= LIMIT_COMMIT_BYTES$/return true/
