# Breaks: that a credential of the store is resealed only if it has its name
# File: lib/seal/reseal.c
# Test: reseal test_refused
s/if \(item->name.id\[0\] != '\\0' \&\& strcmp\(/if (false \&\& strcmp(/
