# Breaks: that a file of the store has one name
# File: lib/store/store.c
# Test: store test_what_is_no_entry
s/status.st_nlink > 1/false/
