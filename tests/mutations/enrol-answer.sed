# Breaks: that an answer on the carrier proves what it says
# File: cli/fleet/candidates.c
# Test: cli-enrolment-carrier
s/r == OUTCOME_BAD_CHALLENGE \|\| r == OUTCOME_OTHER_CHALLENGE \? OUTCOME_ENROLLING : r;/r == OUTCOME_BAD_CHALLENGE ? OUTCOME_ENROLLING : 0;/
