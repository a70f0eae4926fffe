# Breaks: that a credential is delivered as its policy says
# File: lib/policy/decision.c
# Test: obedience
s/if \(!fits\)/if (false \&\& !fits)/
