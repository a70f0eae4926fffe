# Breaks: that two hosts with one endorsement key are refused
# File: cli/fleet/inventory.c
# Test: cli-enrolment
s/if \(!proof && strncmp\(line, "key "/if (strncmp(line, "key "/
