# Breaks: that the list names the hosts to enrol
# File: cli/fleet/enrol.c
# Test: cli-enrolment-carrier
s/options->ek_list && !is_listed\(/false \&\& !is_listed(/
