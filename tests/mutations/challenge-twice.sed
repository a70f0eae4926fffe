# Breaks: that a list of endorsement keys has each of them once
# File: cli/enrolment/genuine.c
# Test: cli-enrolment
s/if \(memcmp\(sorted\[i\]->digest, sorted\[i - 1\]->digest, IDENTITY_DIGEST_BYTES\) == 0\)/if (memcmp(sorted[i]->digest, sorted[i - 1]->digest, IDENTITY_DIGEST_BYTES) == 0 \&\& false)/
