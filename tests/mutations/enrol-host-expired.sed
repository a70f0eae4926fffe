# Breaks: that a host answers no challenge that has expired by its clock
# File: cli/host/enrol.c
# Test: cli-enrolment-carrier
s/if \(r == 0 && challenge\.expires <= context->now\(context\)\)/if (r == 0 \&\& challenge.expires == 0)/
