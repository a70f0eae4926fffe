# Breaks: that a certificate has the modulus of the key
# File: lib/tpm/certificate.c
# Test: certificate test_other_keys
s/BN_cmp\(n, modulus\) == 0 && //
