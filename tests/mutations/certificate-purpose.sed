# Breaks: that a certificate is for an endorsement key
# File: lib/tpm/certificate.c
# Test: certificate test_extensions
s/else if \(!is_for_endorsement\(parsed\)\)/else if (false \&\& !is_for_endorsement(parsed))/
