# Breaks: that only a memfd can be passed
# File: lib/protocol/frame.c
# Test: frame test_descriptors
s/ && fcntl\(fds\[0\], F_GET_SEALS\) >= 0//
