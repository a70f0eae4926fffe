# Breaks: the size of a message that is received
# Limit: LIMIT_FRAME_BYTES
# File: lib/protocol/frame.c
# Test: frame
s/reader->scanned > LIMIT_FRAME_BYTES/reader->scanned > 4 * LIMIT_FRAME_BYTES/
