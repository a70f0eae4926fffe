# Breaks: the same, for more descriptors than one message may have
# File: lib/protocol/frame.c
# Test: frame test_descriptors
s/(define PASSED_MAX) .*/\1 ((size_t)2)/
