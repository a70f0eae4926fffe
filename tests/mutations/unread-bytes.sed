# Breaks: how many bytes of secrets all live peers may leave unread
# Limit: LIMIT_UNREAD_BYTES
# File: broker/request/connection.c
# Test: live test_unread_secrets
s/all \+ size > LIMIT_UNREAD_BYTES/all + size > 100 * LIMIT_UNREAD_BYTES/
