# Breaks: that a key has the cipher of its template
# File: lib/tpm/storage_key.c
# Test: endorsement_keys test_only_endorsement_keys
s/if \(area->cipher_bits != template->cipher_bits \|\| /if (/
