# Breaks: that more than half of a fleet's signers must sign
# File: cli/fleet/admin.c
# Test: cli-masters
s/2 \* threshold <= count/2 * threshold < count/
