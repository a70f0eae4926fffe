# Breaks: how long a call waits for its reply
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_reply
s/take_reply\(client, LIMIT_CALL_SECONDS/take_reply(client, 100 * LIMIT_CALL_SECONDS/
