# Breaks: that a lock is of the directory that is there
# File: lib/base/fsutil.c
# Test: dirlock test_another_directory
s/!directory_is_at\(parent, name, fd\)/false/
