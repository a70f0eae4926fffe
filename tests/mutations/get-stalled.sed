# Breaks: that a silent carrier is waited for once
# File: courier/get.c
# Test: courier
s/return monotonic_usec\(\) - begin >= /return begin == 0 \&\& monotonic_usec() - begin >= /
