# Breaks: how long a busy TPM is asked again
# Limit: LIMIT_TPM_PATIENCE_USEC
# File: lib/tpm/retry.c
# Test: tpm_hardships test_patience_is_for_all
s/retry->left_usec -= usec/retry->left_usec -= usec \/ 4/
