# Breaks: that a credential is authentic
# File: lib/crypto/aead.c
# Test: crypto
s/if \((EVP_CipherFinal_ex\(cipher, secret_borrow.*)\)$/if (\1 \&\& false)/
