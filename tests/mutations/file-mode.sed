# Breaks: that nobody else may use a file with a secret
# File: broker/request/external_file.c
# Test: obedience test_plaintext_files
s/status.st_mode & \(S_IRWXO \| S_IWGRP\)/false/
