# Breaks: that the host key is no symbolic link
# File: lib/key/host_key.c
# Test: host_key test_check
s/if \(S_ISLNK\(status->st_mode\)\)/if (false \&\& S_ISLNK(status->st_mode))/
