# Breaks: two hosts of a fleet with one TPM key
# File: cli/fleet/inventory.c
# Test: cli-fleet-seal
s/compare_words\(one, other\) != 0\)/compare_words(one, other) != 0 \&\& !one)/
