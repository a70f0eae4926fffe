# Breaks: that root's index is the broker's, which cannot read all files
# File: lib/store/store.c
# Test: rollback test_unreadable
s/geteuid\(\) == 0 && !broker_may_read\(store, fd\)/false \&\& !broker_may_read(store, fd)/
