# Breaks: that nothing is resealed with the null key
# File: lib/seal/reseal.c
# Test: key_pool test_null_key
s/target.key_types == 0 \&\& !pool/false \&\& !pool/
