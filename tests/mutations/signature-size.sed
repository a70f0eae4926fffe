# Breaks: the size of a file with signatures of PCR policies
# Limit: LIMIT_SIGNATURE_BYTES
# File: lib/tpm/signature.c
# Test: signature
s/json.size > LIMIT_SIGNATURE_BYTES/json.size > 2 * LIMIT_SIGNATURE_BYTES/
