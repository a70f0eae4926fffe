# Breaks: that a bank that was asked for is not replaced
# File: lib/tpm/pcr_read.c
# Test: seal_new test_weak_pcrs
# Lines: 2
s/pcrs->bank != 0 \?/false ?/
