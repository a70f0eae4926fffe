# Breaks: that only what the policy lists is delivered
# File: broker/request/resolution.c
# Test: obedience
s/if \(![a-z]+->credential\)/if (false)/
