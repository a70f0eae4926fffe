# Breaks: that a challenge is as it was made
# File: lib/credential/enrolment.c
# Test: enrolment test_other_challenge
s/if \(sodium_memcmp\(mac, challenge->mac, sizeof\(mac\)\) != 0\)/if (false)/
