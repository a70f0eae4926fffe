# Breaks: that no two machines share a key
# File: lib/seal/reseal.c
# Test: key_pool test_keys
s/if \(strcmp\(entry->machine, machine\) != 0\)/if (false \&\& strcmp(entry->machine, machine) != 0)/
