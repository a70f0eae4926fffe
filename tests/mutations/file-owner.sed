# Breaks: that a file with a secret is root's
# File: broker/request/external_file.c
# Test: obedience test_plaintext_files
s/status.st_uid != owner/false \&\& &/
