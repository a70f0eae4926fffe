# Breaks: that a host with a certificate is enrolled under the name that it has for itself
# File: cli/fleet/candidates.c
# Test: cli-enrolment-carrier
s/if \(!host_calls_itself\(/if (false \&\& !host_calls_itself(/
