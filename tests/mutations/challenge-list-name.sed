# Breaks: that the list has the name that the host has for itself
# File: cli/host/challenge.c
# Test: cli-enrolment
s/r == 0 && name\[0\] && strcmp\(name, identity->host_name\) != 0/false/
