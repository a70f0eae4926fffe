# Breaks: that nothing follows a certificate
# File: lib/tpm/certificate.c
# Test: certificate test_extensions
s/if \(certificate && end == der\.data \+ der\.size\)/if (certificate)/
