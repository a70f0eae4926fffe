# Breaks: that seal insists on a proof
# File: cli/verb/seal.c
# Test: cli-enrolment
s/if \(r != 0 && options->proved\)/if (r < 0)/
