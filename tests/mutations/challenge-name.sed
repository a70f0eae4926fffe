# Breaks: that a challenge is bound to a storage key
# File: lib/tpm/seed.c
# Test: endorsement test_genuine
s/crypto_auth_hmacsha256_update\(&state, name, TPM_NAME_BYTES\);/(void)name;/
