# Breaks: that a challenge on the carrier is for the identity there
# File: cli/fleet/candidates.c
# Test: cli-enrolment-carrier
s/request->identity, challenge, reason\) == 0 &&/request->identity, challenge, reason) >= 0 \&\&/
