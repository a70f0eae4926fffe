# Breaks: that the list has the name that the host has for itself
# File: cli/enrolment/genuine.c
# Test: cli-enrolment
s/found->name\[0\] && strcmp\(found->name, identity->host_name\) != 0/false/
