# Breaks: that the host key belongs to root
# File: lib/key/host_key.c
# Test: host_key test_check
s/status->st_uid != 0 && status->st_uid != owner/false \&\& status->st_uid != owner/
