# Breaks: the same, when the descriptor comes with a call
# File: lib/protocol/frame.c
# Test: frame test_descriptors
s/child_close\(fds, count\);/while (count > 0) close(fds[--count]);/
