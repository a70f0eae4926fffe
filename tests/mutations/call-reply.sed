# Breaks: how long a call waits for its reply
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_reply
s/parameters, -1, LIMIT_CALL_SECONDS/parameters, -1, 100 * LIMIT_CALL_SECONDS/
