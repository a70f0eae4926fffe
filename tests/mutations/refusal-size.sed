# Breaks: that a refusal has more bytes than a unit may have
# Limit: LIMIT_REFUSAL_BYTES
# File: broker/request/reply.c
# Test: handover
s/\? LIMIT_REFUSAL_BYTES/? LIMIT_PLAINTEXT_BYTES/
