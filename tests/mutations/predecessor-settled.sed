# Breaks: that the predecessor goes when the other file has opened
# File: lib/store/history.c
# Test: history test_predecessor
s/if \(change->settle\)/if (false)/
