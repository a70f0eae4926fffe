# Breaks: that a principal is no pattern
# File: lib/fleet/allowed_signers.c
# Test: allowed_signers test_files
s/ \|\| strchr\(SPECIAL, \*cursor\)//
