# Breaks: a list in which two machines would be one host of the fleet is refused
# File: cli/fleet/enrol.c
# Test: cli-enrolment-carrier
s/        if \(first\)$/        if (false \&\& first)/
