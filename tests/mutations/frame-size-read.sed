# Breaks: the size of a message that is received
# Limit: LIMIT_FRAME_BYTES
# File: lib/protocol/frame.c
# Test: frame
# Lines: 2
s/reader->(size|scanned) > LIMIT_FRAME_BYTES/reader->\1 > 4 * LIMIT_FRAME_BYTES/
