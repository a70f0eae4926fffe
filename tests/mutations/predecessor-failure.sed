# Breaks: that only a PCR mismatch leads to the predecessor
# File: broker/request/request.c
# Test: predecessor test_other_failures
s/: rc == OUTCOME_TPM_PCR_MISMATCH \&\& may_have/: rc != 0 \&\& may_have/
