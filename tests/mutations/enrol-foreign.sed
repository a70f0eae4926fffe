# Breaks: that the challenge of another administrator stays unless the host is named
# File: cli/fleet/candidates.c
# Test: cli-enrolment-carrier
s/if \(r == 0 && is_foreign\(/if (false \&\& is_foreign(/
