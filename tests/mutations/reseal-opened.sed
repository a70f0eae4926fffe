# Breaks: that a resealed file is opened before it counts
# File: lib/seal/reseal.c
# Test: reseal test_opened_again
s/return r == 0 \? verify\(reseal, item, keys, value, reason\) : r;/return r == 0 \&\& false ? verify(reseal, item, keys, value, reason) : r;/
