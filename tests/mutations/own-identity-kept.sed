# Breaks: that an export without --prove leaves an identity with endorsement keys
# File: cli/host/own_identity.c
# Test: cli-enrolment
s/if \(r != 0 \|\| serves\)/if (r != 0)/
