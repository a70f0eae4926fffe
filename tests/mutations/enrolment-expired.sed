# Breaks: that a challenge expires
# File: lib/credential/enrolment.c
# Test: enrolment test_other_challenge
s/if \(now < challenge->expires\)/if (now < 2 * challenge->expires)/
