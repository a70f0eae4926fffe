# Breaks: that a file that is in place is not said to be not written
# File: lib/base/fsutil.c
# Test: fsutil test_a_directory_that_is_not_synced
s/RENAME_NOREPLACE\) == 0\)$/RENAME_NOREPLACE) == 0 \&\& fsync(directory) == 0)/
