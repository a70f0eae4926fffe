# Breaks: that a point has no longer coordinates than the curve
# File: lib/tpm/challenge.c
# Test: endorsement test_sizes
s/ && x\.size <= bytes && y\.size <= bytes;/ \&\& (bytes > 0 || y.size > x.size);/
