# Breaks: that what cannot be written to the disk is an error
# File: lib/base/fsutil.c
# Test: fsutil test_a_directory_that_is_not_synced
s/return fsync\(directory\) == 0$/return fsync(directory) <= 0/
