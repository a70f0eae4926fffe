# Breaks: the size of what waits to be sent
# Limit: LIMIT_FRAME_BYTES
# File: lib/protocol/frame.c
# Test: frame
s/message.size > LIMIT_FRAME_BYTES/message.size > 4 * LIMIT_FRAME_BYTES/
