# Breaks: that a challenge for another TPM is told apart before the TPM sees it
# File: lib/tpm/activate.c
# Test: endorsement test_another_tpm
s/if \(r == 0 && !bytes_view_equal\(bytes_view\(&area\), challenge->endorsement\)\)/if (false)/
