# Breaks: that only a PCR mismatch leads to the predecessor
# File: broker/request/request.c
# Test: predecessor test_other_failures
s/result->rc == OUTCOME_TPM_PCR_MISMATCH && !ingredient->missing/result->rc != 0 \&\& !ingredient->missing/
