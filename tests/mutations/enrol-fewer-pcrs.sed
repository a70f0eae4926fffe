# Breaks: that an answer is about all PCRs that are asked for
# File: cli/fleet/candidates.c
# Test: cli-enrolment-carrier
s/challenge->by == request->by && pcrs == request->pcrs$/challenge->by == request->by \&\& (answered || pcrs == request->pcrs)/
