# Breaks: that nobody else reads the administrator's key
# File: cli/enrolment/enrolment_key.c
# Test: cli-enrolment
s/\(status\.st_mode & 077\) != 0/(status.st_mode \& 077) == 077/
