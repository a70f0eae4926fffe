# Breaks: that a credential of the store with another name, or none, does not open
# File: lib/client/store_client.c
# Test: open_check test_checks
# Lines: 2
s/sections, name, reason/sections, NULL, reason/
