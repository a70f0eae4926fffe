# Breaks: that a folder without authorities is refused
# File: lib/tpm/certificate.c
# Test: certificate test_extensions
s/if \(r == 0 && !found\)/if (r == 0 \&\& !found \&\& false)/
