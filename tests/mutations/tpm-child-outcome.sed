# Breaks: a TPM's process names an outcome that exists
# File: lib/tpm/tpm_child.c
# Test: tpm_answer test_outcomes
s/header\.rc >= _OUTCOME_MAX/false/
