# Breaks: that places are used again if the kernel's buffer is small
# File: broker/process/shelter.c
# Test: shelter test_small_buffer
s/else if \(r == -EAGAIN\)/else if (false)/
