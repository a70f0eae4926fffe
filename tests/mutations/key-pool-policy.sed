# Breaks: that a key is shared only for the same PCRs
# File: lib/seal/seal_spec.c
# Test: key_pool test_keys
s/a->pcrs.mask == b->pcrs.mask \&\& //
