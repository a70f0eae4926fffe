# Breaks: that a caller waits longer for a commit than for other calls
# Limit: LIMIT_COMMIT_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_reply
s/parameters, fd, LIMIT_COMMIT_SECONDS/parameters, fd, LIMIT_CALL_SECONDS/
