# Breaks: that a counter costs two TPM commands
# File: lib/tpm/counter.c
# Test: tpm_counter test_two_commands
s/return r == 0 \? increment\(&counter, reason\) : r;/return r == 0 \&\& read_value(\&counter, reason, \&(uint64_t){0}) == 0 ? increment(\&counter, reason) : r;/
