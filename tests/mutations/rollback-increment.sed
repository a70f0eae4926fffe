# Breaks: that the counter is incremented
# File: lib/store/rollback.c
# Test: rollback test_changed
s/return r == 0 \? increment\(device/return r == 0 \&\& !device ? increment(device/
