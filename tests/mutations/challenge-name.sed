# Breaks: that a challenge is bound to a storage key
# File: lib/tpm/seed.c
# Test: endorsement test_genuine
s/\(BytesView\)\{ciphertext, bytes\.size\}, name_view, mac/(BytesView){ciphertext, bytes.size}, (BytesView){0}, mac/
