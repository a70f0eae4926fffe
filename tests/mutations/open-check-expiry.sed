# Breaks: that a credential that has expired is reported
# File: lib/client/store_client.c
# Test: open_check test_checks
s/check.metadata.not_after < now\)/check.metadata.not_after < now - 2000000)/
