# Breaks: how long a call waits for its reply
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client test_no_reply
s/INTERFACE_BROKER, LIMIT_CALL_SECONDS/INTERFACE_BROKER, 100 * LIMIT_CALL_SECONDS/
