# Breaks: that a refusal to another program than the service manager has more bytes
# Limit: LIMIT_FOREIGN_REFUSAL_BYTES
# File: broker/request/reply.c
# Test: handover
s/: LIMIT_FOREIGN_REFUSAL_BYTES/: LIMIT_REFUSAL_BYTES/
