# Breaks: that a caller waits longer for a commit than for other calls
# Limit: LIMIT_COMMIT_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_reply
s/take_reply\(client, LIMIT_COMMIT_SECONDS/take_reply(client, LIMIT_CALL_SECONDS/
