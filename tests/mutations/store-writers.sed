# Breaks: that not everybody may write to a file of the store
# File: lib/store/store.c
# Test: store
s/status.st_mode & S_IWOTH/false/
