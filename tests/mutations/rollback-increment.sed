# Breaks: that the counter is incremented
# File: lib/store/rollback.c
# Test: rollback test_changed
s/if \(r == 0 && counter != 0\)/if (r == 0 \&\& counter == 1)/
