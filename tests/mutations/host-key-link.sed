# Breaks: that the host key is no symbolic link
# File: lib/key/host_key.c
# Test: host_key
s/O_NOCTTY \| O_NOFOLLOW/O_NOCTTY/
