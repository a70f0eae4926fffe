# Breaks: that a signer with two keys counts once
# File: lib/fleet/judge.c
# Test: bundle test_one_signer_counts_once
s/strcmp\(principals\[known\], signer->principal\) != 0/principals[known] != signer->principal/
