# Breaks: the namespaces of a signer
# File: lib/fleet/allowed_signers.c
# Test: allowed_signers test_files
s/signer->for_fleets && signer->valid_from/signer->valid_from/
