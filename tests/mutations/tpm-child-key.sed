# Breaks: the size of a key that the TPM unseals
# File: lib/tpm/tpm_child.c
# Test: tpm_answer test_answers
s/secret_size\(result.key\) != TPM_KEY_BYTES/secret_size(result.key) == 0/
