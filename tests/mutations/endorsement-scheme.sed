# Breaks: that a key has no scheme
# File: lib/tpm/storage_key.c
# Test: endorsement_keys test_only_endorsement_keys
s/if \(area->scheme != TPM2_ALG_NULL\)/if (false)/
