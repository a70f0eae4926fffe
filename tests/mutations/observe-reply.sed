# Breaks: how long a call waits for a further reply
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_further_reply
s/parameters, LIMIT_CALL_SECONDS, each/parameters, 100 * LIMIT_CALL_SECONDS, each/
