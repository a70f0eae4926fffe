# Breaks: that the TPM gives a key
# File: broker/request/tpm_job.c
# Test: tpm_job test_no_key
s/rc == 0 && !result.key/false/
