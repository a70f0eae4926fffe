# Breaks: the size of a secret that is sealed
# Limit: LIMIT_PLAINTEXT_BYTES
# File: lib/credential/seal.c
# Test: credential
s/plaintext\) > LIMIT_PLAINTEXT_BYTES/plaintext) > 2 * LIMIT_PLAINTEXT_BYTES/
