# Breaks: that an answer is about this identity
# File: lib/credential/enrolment.c
# Test: enrolment test_changed_identity
s/if \(memcmp\(digest, challenge->identity, sizeof\(digest\)\) != 0\)/if (false)/
