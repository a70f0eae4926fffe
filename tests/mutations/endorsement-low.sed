# Breaks: that a key of the low range is not taken without the password that it needs
# File: lib/tpm/endorsement_key.c
# Test: endorsement_keys test_password_and_persistent_keys
s/ && template->role == TPM_ENDORSEMENT_HIGH\)/)/
