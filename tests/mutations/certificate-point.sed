# Breaks: that a certificate has the point of the key
# File: lib/tpm/certificate.c
# Test: certificate test_other_keys
s/memcmp\(bytes\[0\], key->point\.x, size\) == 0/true/
