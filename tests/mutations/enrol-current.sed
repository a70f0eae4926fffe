# Breaks: that a challenge on the carrier is for the identity there
# File: cli/fleet/candidates.c
# Test: cli-enrolment-carrier
s/candidates->key, request->identity, challenge, reason\);/candidates->key, request->identity, challenge, reason) \& 0;/
