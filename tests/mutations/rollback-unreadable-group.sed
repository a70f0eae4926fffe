# Breaks: that what the broker's group or everybody may read is in root's index
# File: lib/store/store.c
# Test: rollback test_unreadable
s/status\.st_gid == store->group \?/status.st_gid != store->group ?/
