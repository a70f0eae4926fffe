# Breaks: that an answer is right
# File: lib/credential/enrolment.c
# Test: enrolment test_changed_answer
s/sodium_memcmp\(expected, answer->macs\[i\], sizeof\(expected\)\) != 0/false/
