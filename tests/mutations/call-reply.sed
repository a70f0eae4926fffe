# Breaks: how long a call waits for its reply
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_reply
s/\+\+ticks < LIMIT_CALL_SECONDS/++ticks < 100 * LIMIT_CALL_SECONDS/
