# Breaks: the size of all replies to a call together
# Limit: LIMIT_REPLIES_BYTES
# File: lib/protocol/client.c
# Test: client test_endless_replies
s/\*room -= message\.size/*room -= message.size \/ 2/
