# Breaks: that a signal does not end the wait for the TPM's child
# File: lib/tpm/tpm_child.c
# Test: tpm_child test_interrupted
s/n == 0 \|\| \(n < 0 && errno == EINTR\)/n == 0/
