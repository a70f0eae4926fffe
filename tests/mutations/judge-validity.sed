# Breaks: when a signer may sign
# File: lib/fleet/judge.c
# Test: bundle test_threshold
s/now \? \*now : signer->valid_from/now ? signer->valid_from : signer->valid_from/
