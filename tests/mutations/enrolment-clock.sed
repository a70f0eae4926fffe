# Breaks: that a clock before the challenge is noticed
# File: lib/credential/enrolment.c
# Test: enrolment test_other_challenge
s/if \(now < challenge->issued\) \{/if (now + 1 < challenge->issued) {/
