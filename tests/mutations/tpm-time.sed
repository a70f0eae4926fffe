# Breaks: how long one operation of the TPM may take
# Limit: LIMIT_TPM_USEC
# File: broker/process/children.c
# Test: connection test_tpm_is_given_up
s/\? config->tpm_usec/? 1000 * config->tpm_usec/
