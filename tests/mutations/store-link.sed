# Breaks: that a file of the store is no symbolic link
# File: lib/store/store.c
# Test: store test_what_is_no_entry
s/O_CLOEXEC \| O_NOCTTY \| O_NOFOLLOW \| O_NONBLOCK/O_CLOEXEC | O_NOCTTY | O_NONBLOCK/
