# Breaks: hosts that were added long ago are not asked for on the carrier at each call
# File: cli/fleet/enrol.c
# Test: cli-enrolment-carrier
s/identity.proof.time \+ CANDIDATES_USEC < context->now\(context\)/context->now(context) == 0/
