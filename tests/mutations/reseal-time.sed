# Breaks: that a credential is not resealed with a time of expiry that has passed
# File: lib/seal/reseal.c
# Test: reseal test_refused
s/if \(!credential_times_valid\(metadata\)\)/if (metadata->not_after < metadata->timestamp)/
