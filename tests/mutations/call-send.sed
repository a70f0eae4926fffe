# Breaks: how long a call waits to be taken
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client
s/SO_SNDTIMEO, LIMIT_CALL_SECONDS/SO_SNDTIMEO, 0/
