# Breaks: that an endorsement key is in the inventory
# File: cli/enrolment/genuine.c
# Test: cli-enrolment
s/^    if \(!found\)/    if (!found \&\& genuine->count == 0)/
