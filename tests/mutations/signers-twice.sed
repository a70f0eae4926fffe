# Breaks: that a key is on one line
# File: lib/fleet/allowed_signers.c
# Test: allowed_signers test_files
s/r == 0 && allowed_signers_find/r < 0 \&\& allowed_signers_find/
