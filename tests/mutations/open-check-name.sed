# Breaks: that a credential of the store without a name does not open
# File: lib/client/store_client.c
# Test: open_check test_checks
s/r == 0 \&\& strcmp\(metadata.name, name\) != 0/false/
