# Breaks: the end of a signer's time
# File: lib/fleet/allowed_signers.c
# Test: allowed_signers test_files
s/ && now < signer->valid_until//
