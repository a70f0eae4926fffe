# Breaks: that only a counter of ours is removed
# File: lib/tpm/counter.c
# Test: tpm_counter test_taken
s/if \(r != 0\)$/if (r != 0 \&\& r != OUTCOME_TPM_NV_TAKEN)/
