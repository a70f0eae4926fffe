# Breaks: that only what the policy lists is delivered
# File: broker/request/resolution.c
# Test: obedience
s/if \(!credential\)/if (false)/
