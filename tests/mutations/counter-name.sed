# Breaks: that an NV index is the counter that we define
# File: lib/tpm/counter.c
# Test: tpm_counter test_taken
s/if \(!\*ret_written && !has_name\(name, index, 0\)\)/if (false)/
