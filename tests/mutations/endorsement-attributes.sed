# Breaks: that an endorsement key is restricted to its TPM
# File: lib/tpm/storage_key.c
# Test: endorsement_keys test_only_endorsement_keys
s/template->attributes != area->attributes\)$/(false \&\& template->attributes != area->attributes))/
