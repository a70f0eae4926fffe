# Breaks: that not everybody may write to a file of the store
# File: lib/store/store.c
# Test: store test_what_is_no_entry
/st_nlink > 1/,/everybody may write/s/status.st_mode & S_IWOTH/false/
