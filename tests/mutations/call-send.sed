# Breaks: how long a call waits to be taken
# Limit: LIMIT_CALL_SECONDS
# File: lib/protocol/client.c
# Test: client
s/\.tv_sec = LIMIT_CALL_SECONDS/.tv_sec = 0/
