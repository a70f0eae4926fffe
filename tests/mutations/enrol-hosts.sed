# Breaks: the number of hosts that one call of fleet enrol looks after
# Limit: LIMIT_ENROLMENT_HOSTS
# File: cli/fleet/enrol.c
# Test: cli-enrolment-carrier
s/host_count == LIMIT_ENROLMENT_HOSTS/host_count == 10 * LIMIT_ENROLMENT_HOSTS/
