# Breaks: that a challenge is for a storage key of this TPM
# File: lib/tpm/activate.c
# Test: endorsement test_another_tpm
s/if \(!bytes_view_equal\(\(BytesView\)\{name->name, name->size\},$/if (false \&\& !bytes_view_equal((BytesView){name->name, name->size},/
