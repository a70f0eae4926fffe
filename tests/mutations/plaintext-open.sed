# Breaks: the size of a secret that is opened
# Limit: LIMIT_PLAINTEXT_BYTES
# File: lib/credential/open.c
# Test: credential
s/decrypted\) > LIMIT_PLAINTEXT_BYTES/decrypted) > 2 * LIMIT_PLAINTEXT_BYTES/
