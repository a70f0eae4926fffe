# Breaks: that only the first earlier value may be a predecessor
# File: lib/store/history.c
# Test: history test_files
s/\(index != 1 && !sd_id128_is_null\(ret->boot\)\)/false/
