# Breaks: how long one operation of the TPM may take
# Limit: LIMIT_TPM_USEC
# File: broker/request/tpm_job.c
# Test: server test_tpm_hangs
s/config->tpm_usec, 0, on_timeout/1000 * config->tpm_usec, 0, on_timeout/
