# Breaks: that a key is named by the hash of its template
# File: lib/tpm/storage_key.c
# Test: endorsement_keys test_only_endorsement_keys
s/if \(area->name_algorithm != \(sha384/if (false \&\& area->name_algorithm != (sha384/
