# Breaks: that only root may read the host key
# File: lib/key/host_key.c
# Test: host_key
s/\(status->st_mode & 07777\) != HOST_KEY_MODE/false/
