# Breaks: that an endorsement key is restricted to its TPM
# File: lib/tpm/storage_key.c
# Test: endorsement test_only_endorsement_keys
s/^    if \(area\.attributes != TPM_ENDORSEMENT_LOW_ATTRIBUTES &&$/    if (false \&\& area.attributes != TPM_ENDORSEMENT_LOW_ATTRIBUTES \&\&/
