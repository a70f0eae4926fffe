# Breaks: that a change replaces what it was made for
# File: lib/store/commit.c
# Test: commit test_preconditions
s/strcmp\(change->digest, digest\) == 0$/true/
