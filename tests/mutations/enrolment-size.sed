# Breaks: the size of a challenge
# Limit: LIMIT_ENROLMENT_BYTES
# File: lib/credential/enrolment.c
# Test: enrolment test_limits
s/file\.size <= LIMIT_ENROLMENT_BYTES/file.size <= 2 * LIMIT_ENROLMENT_BYTES/
