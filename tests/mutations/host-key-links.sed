# Breaks: that the host key has one name
# File: lib/key/host_key.c
# Test: host_key
s/status->st_nlink != 1/false/
