# Breaks: how many signers must have signed
# File: lib/fleet/judge.c
# Test: bundle test_threshold
s/count >= trust->threshold/count >= trust->threshold - 1/
