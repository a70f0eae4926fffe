# Breaks: that a certificate is that of the endorsement key
# File: lib/tpm/certificate.c
# Test: certificate test_chain
s/else if \(!is_of\(parsed, key\)\)/else if (false \&\& !is_of(parsed, key))/
