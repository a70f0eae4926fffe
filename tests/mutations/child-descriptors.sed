# Breaks: that a child has no descriptors of the broker
# File: lib/base/child.c
# Test: child
s/return syscall\(SYS_close_range, first_unused, ~0U, 0U\) == 0;/return true;/
